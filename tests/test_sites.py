"""What jobs ask of a site follows from its file and from what runs cost."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from helpers import tiny_spec
from hypothesis import given
from hypothesis import strategies as st

from pgf import slurm
from pgf.errors import UserError
from pgf.estimate import estimate, write_estimate
from pgf.failures import last_lines, summary
from pgf.sites import (
    PROFILES,
    START_MINUTES,
    Cost,
    Site,
    load_site,
    memory,
    minutes,
    queue_options,
    read_estimate,
    run_hours,
)

FILE = PROFILES / "slurm/site.yaml"
SPEC = tiny_spec("ste")
COSTS = {"digits": Cost(flops=3.6e15, bytes=2**30)}


def test_every_key_of_a_site_stands_in_its_file_with_an_explanation() -> None:
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    assert [line.partition(":")[0] for line in lines] == list(Site.model_fields)
    assert all(" # " in line for line in lines)
    assert load_site(FILE) == Site(), "the file shows the defaults"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitoin: gpu", "unknown key; did you mean 'partition'?"),
        ("cpus: 0", "cpus"),
        ("tflops: fast", "tflops"),
        ("gpus: [", "is no YAML"),
    ],
)
def test_a_wrong_site_file_is_one_sentence(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        load_site(path)
    assert str(path) in str(error.value) and message in str(error.value)


def test_hours_are_operations_over_rate() -> None:
    assert run_hours(SPEC, COSTS["digits"], Site(tflops=1.0)) == pytest.approx(1.0)
    four = replace(SPEC, training=replace(SPEC.training, processes=4))
    assert run_hours(four, COSTS["digits"], Site(tflops=1.0)) == pytest.approx(0.25)


def test_a_time_limit_is_the_estimate_with_a_margin_and_at_most_the_sites() -> None:
    site = Site(tflops=1.0, longest_minutes=600)
    assert minutes([SPEC, SPEC], COSTS, site) == START_MINUTES + 180
    assert minutes([SPEC] * 40, COSTS, site) == 600
    assert minutes([SPEC], {}, site) == 600, "nobody knows yet"


@given(st.integers(1, 8), st.integers(1, 64_000))
def test_every_attempt_asks_for_more_memory(attempt: int, memory_mb: int) -> None:
    site = Site(memory_mb=memory_mb)
    now = memory([SPEC], COSTS, site, attempt=attempt)
    assert now >= memory_mb + 1024
    assert memory([SPEC], COSTS, site, attempt=attempt + 1) > now


def test_what_a_site_leaves_open_is_not_asked_for() -> None:
    assert queue_options(Site()) == {}
    options = queue_options(Site(partition="gpu", gpu_model="a100", extra="--nice=9"))
    assert options == {"slurm_partition": "gpu", "gpu_model": "a100", "slurm_extra": "--nice=9"}
    assert queue_options(Site(gpus=False, gpu_model="a100")) == {}


def test_an_estimate_counts_operations_and_parameters(tmp_path: Path) -> None:
    write_estimate([SPEC], tmp_path)
    costs = read_estimate(tmp_path)
    assert costs == estimate([SPEC])
    longer = replace(SPEC, training=replace(SPEC.training, steps=28))
    assert estimate([longer])["digits"].flops == 2 * costs["digits"].flops > 0
    assert read_estimate(tmp_path / "nowhere") == {}


def test_the_prefix_of_job_names_is_one_that_the_executor_takes() -> None:
    for name in ("laptop", "a.b-c_d", "x" * 90):
        assert set(slurm.prefix(name)) <= set("abcdefghijklmnopqrstuvwxyz-") | set("0123456789_")
        assert len(slurm.prefix(name)) <= 50


def test_profiles_leave_outputs_of_killed_jobs_alone_and_retries_to_the_workflow() -> None:
    profile = yaml.safe_load((PROFILES / "slurm/profile.yaml").read_text())
    assert profile["executor"] == "slurm" and profile["retries"] > 0
    assert profile["slurm-requeue"] and profile["ignore-incomplete"] and profile["keep-going"]
    assert "slurm-array-jobs" not in profile, "they report failures as successes"


def test_a_summary_names_missing_runs_with_their_last_words(tmp_path: Path) -> None:
    failed, never = tiny_spec("ste"), tiny_spec("dense")
    log = failed.directory(tmp_path) / "train.log"
    log.parent.mkdir(parents=True)
    log.write_text("".join(f"line {i}\n" for i in range(2000)))
    text = summary([failed, never], tmp_path)
    assert text.startswith("2 of 2 runs are not finished, 1 of them never started")
    assert str(log) in text and text.endswith("line 1999")
    assert last_lines(log) == ["line 1996", "line 1997", "line 1998", "line 1999"]
