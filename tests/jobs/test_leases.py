"""One process at a time trains a run, on whatever machine."""

import errno
import fcntl
import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from pgf.errors import BusyError
from pgf.jobs import leases
from pgf.jobs.leases import LEASE, Holder, Lease, leased
from pgf.jobs.slurm import queue as slurm

ELSEWHERE = Holder("node7", 4711, "12", "theirs", valid_seconds=1000.0)


def leave(folder: Path, holder: Holder, *, age: float = 0.0) -> None:
    """Leave a lease behind, renewed some seconds ago."""
    path = folder / LEASE
    path.write_text(json.dumps(vars(holder)))
    renewed = path.stat().st_mtime - age
    os.utime(path, (renewed, renewed))


@pytest.fixture(autouse=True)
def no_slurm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: None)


def test_a_free_lease_is_taken_and_given_back(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    assert lease.taken() is None and lease.current() == lease.holder
    lease.release()
    assert list(tmp_path.iterdir()) == []


def test_another_machines_lease_is_left_to_it(tmp_path: Path) -> None:
    leave(tmp_path, ELSEWHERE, age=940)
    assert Lease(tmp_path).taken() == ELSEWHERE
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]
    with (
        pytest.raises(BusyError, match=r"by process 4711 of SLURM job 12 on node7, which goes on"),
        leased(tmp_path, "the run", patience=None),
    ):
        pass


def test_a_lease_that_nobody_renewed_is_anybodys(tmp_path: Path) -> None:
    leave(tmp_path, ELSEWHERE, age=1060)
    lease = Lease(tmp_path)
    assert lease.taken() is None and lease.current() == lease.holder


@pytest.mark.parametrize(
    ("state", "answers", "held"),
    [
        ("RUNNING", True, True),
        ("PENDING", True, True),
        ("COMPLETED", True, False),
        ("TIMEOUT", True, False),
        (None, True, False),  # forgotten
        (None, False, True),  # nobody can tell
    ],
)
def test_the_lease_of_a_slurm_job_that_is_over_is_anybodys(
    state: str | None,
    answers: bool,
    held: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(*command: str) -> str | None:
        return state if "--job" in command else "" if answers else None

    monkeypatch.setattr(slurm, "ask", ask)
    leave(tmp_path, ELSEWHERE)
    assert (Lease(tmp_path).taken() is not None) == held


def test_however_long_a_living_job_loads_its_data_its_lease_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: "RUNNING")
    leave(tmp_path, ELSEWHERE, age=99999)
    assert Lease(tmp_path).taken() == ELSEWHERE


@pytest.mark.parametrize("state", ["RUNNING", "COMPLETED"])
def test_without_locks_of_the_disk_a_job_that_is_over_holds_nothing(
    state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "no locks here")

    monkeypatch.setattr(fcntl, "flock", no_flock)
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: state)
    leave(tmp_path, ELSEWHERE)
    (tmp_path / leases.LOCK).write_text(f"{ELSEWHERE.process}\n{ELSEWHERE.host}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if state == "RUNNING":
            with pytest.raises(BusyError, match="node7"), leased(tmp_path, "", patience=None):
                pass
        else:
            with leased(tmp_path, "", patience=None) as renew:
                renew()


def test_a_disk_that_stumbles_ends_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Lease(tmp_path)
    assert lease.taken() is None

    def stale(*_: object, **__: object) -> str:
        raise OSError(errno.ESTALE, "stale file handle")

    with monkeypatch.context() as disk:
        disk.setattr(Path, "read_text", stale)
        lease.renew()
    lease.release()
    assert not (tmp_path / LEASE).exists()


def test_a_job_that_was_queued_again_takes_over_from_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "ask", lambda *_, **__: "RUNNING")
    leave(tmp_path, ELSEWHERE)
    assert Lease(tmp_path).taken() == ELSEWHERE
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert Lease(tmp_path).taken() is None


def test_who_waits_can_be_told_to_stop(tmp_path: Path) -> None:
    def enough() -> None:
        raise KeyboardInterrupt

    leave(tmp_path, ELSEWHERE)
    with pytest.raises(KeyboardInterrupt), leased(tmp_path, "the run", patience=enough):
        pass


def test_a_dead_process_of_this_machine_holds_nothing(tmp_path: Path) -> None:
    leave(tmp_path, replace(Holder.me(), process=1, token="dead"))
    with leased(tmp_path, "the run", patience=None) as renew:
        renew()
    assert not (tmp_path / LEASE).exists()


def test_a_living_process_of_this_machine_holds_it(tmp_path: Path) -> None:
    with (
        leased(tmp_path, "the run", patience=None),
        pytest.raises(BusyError, match=f"process {os.getpid()} on"),
        leased(tmp_path, "the run", patience=None),
    ):
        pass


def test_who_has_lost_a_lease_stops_and_leaves_it_to_its_new_holder(tmp_path: Path) -> None:
    with (
        pytest.raises(BusyError, match=r"now belongs to process 4711"),
        leased(tmp_path, "the run", patience=None) as renew,
    ):
        leave(tmp_path, ELSEWHERE)
        renew()
    assert Lease(tmp_path).current() == ELSEWHERE


def test_a_lease_outlives_what_its_holder_may_hang() -> None:
    assert Holder.me(hang_seconds=500.0).valid_seconds > 500.0


def test_a_lease_is_renewed_now_and_then(tmp_path: Path) -> None:
    lease = Lease(tmp_path)
    assert lease.taken() is None
    os.utime(tmp_path / LEASE, (0, 0))
    lease.renew()
    assert (tmp_path / LEASE).stat().st_mtime > 0
    os.utime(tmp_path / LEASE, (0, 0))
    lease.renew()
    assert (tmp_path / LEASE).stat().st_mtime == 0


def test_of_two_that_find_a_void_lease_one_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(tmp_path, ELSEWHERE, age=2000)
    slow, quick = Lease(tmp_path), Lease(tmp_path, replace(Holder.me(), host="node8"))
    judge = leases.Lease.is_void

    def judged_late(self: Lease, holder: Holder) -> bool:
        void = judge(self, holder)
        if self is slow and holder == ELSEWHERE:
            assert quick.taken() is None  # while the slow one makes up its mind
        return void

    monkeypatch.setattr(leases.Lease, "is_void", judged_late)
    assert slow.taken() == quick.holder
    assert quick.current() == quick.holder


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 40, b"[1, 2]", b'{"host": "node7"}', b"\xff\xfe{"]
)
def test_a_lease_that_a_power_cut_has_damaged_is_void(content: bytes, tmp_path: Path) -> None:
    (tmp_path / LEASE).write_bytes(content)
    lease = Lease(tmp_path)
    assert lease.taken() is None and lease.current() == lease.holder
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]


def test_who_comes_second_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late, early = Lease(tmp_path), Lease(tmp_path, ELSEWHERE)
    look = leases.Lease.current
    seen: list[Holder | None] = []

    def looked_early(self: Lease) -> Holder | None:
        seen.append(look(self))
        if self is late and len(seen) == 1:
            assert early.taken() is None  # after the late one has found the folder free
        return seen[-1]

    monkeypatch.setattr(leases.Lease, "current", looked_early)
    assert late.taken() == ELSEWHERE and seen[0] is None
    assert [path.name for path in tmp_path.iterdir()] == [LEASE]
