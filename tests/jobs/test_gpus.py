"""Each GPU of a machine is one job's at a time."""

import os
import tempfile
from pathlib import Path

import pytest

from pgf.errors import UserError
from pgf.jobs.gpus import GPUS, VISIBLE, choose_gpus, claimed_gpus


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv(VISIBLE, "")
    monkeypatch.setenv(GPUS, "0,2,5")


def test_jobs_at_the_same_time_see_different_gpus() -> None:
    with claimed_gpus(1):
        first = os.environ[VISIBLE]
        with claimed_gpus(2):
            assert (first, os.environ[VISIBLE]) == ("0", "2,5")
    with claimed_gpus(1):
        assert os.environ[VISIBLE] == "0"


def test_who_takes_none_waits_for_none() -> None:
    with claimed_gpus(2), claimed_gpus(0):
        assert os.environ[VISIBLE] == "0,2"


def test_more_gpus_than_there_are_is_bad_input() -> None:
    with pytest.raises(UserError, match=r"takes 4 GPUs .* there are 3 .*=0,2,5"), claimed_gpus(4):
        pass


def test_an_allocation_of_ones_own_is_shared_out_like_any_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    with claimed_gpus(1):
        assert os.environ[VISIBLE] == "0"


def test_where_there_is_nothing_to_share_out_nothing_is_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(GPUS, "")
    with claimed_gpus(9):
        assert os.environ[VISIBLE] == ""


def test_the_gpus_to_share_out_are_among_those_one_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert choose_gpus(2, there=4) == "0,1" and choose_gpus(0, there=0) == ""
    monkeypatch.setenv(VISIBLE, "3,6,7")
    assert choose_gpus(2, there=3) == "3,6"
    with pytest.raises(UserError, match="--gpus is 4, but torch sees 3 on this machine"):
        choose_gpus(4, there=3)
    with pytest.raises(UserError, match=r"to train on the CPU, set training\.device: cpu"):
        choose_gpus(0, there=3)
