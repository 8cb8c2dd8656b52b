"""`pgf status`, on runs that others train."""

import json
import os
import socket
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from support.helpers import tiny_spec
from support.records import write_run

from pgf.__main__ import main
from pgf.experiments import RunSpec
from pgf.jobs.leases import LEASE, Holder
from pgf.jobs.status import State, run_status, status_text
from pgf.records import RECORD, TRAIN_LOG

NOBODY = 2**22 + 1
"""Above the largest number of a process."""


def made(spec: RunSpec, results: Path) -> Path:
    folder = spec.directory(results)
    folder.mkdir(parents=True)
    return folder


def lease(folder: Path, holder: Holder, *, age: float = 0.0) -> None:
    path = folder / LEASE
    path.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    now = path.stat().st_mtime
    os.utime(path, (now - age, now - age))


def elsewhere(*, valid_seconds: float) -> Holder:
    return Holder("another-node", 7, None, "token", valid_seconds)


def test_every_state_is_told_apart(tmp_path: Path) -> None:
    specs = [tiny_spec("sr_ste", seed=seed) for seed in range(8)]
    write_run(specs[0], tmp_path, train_seconds=3.0)
    write_run(
        specs[1],
        tmp_path,
        status="diverged",
        diverged_at=5,
        final=None,
        best=None,
        train_seconds=1.0,
    )
    lease(made(specs[2], tmp_path), Holder.me())
    lease(made(specs[3], tmp_path), elsewhere(valid_seconds=600.0), age=60.0)
    folder = made(specs[4], tmp_path)
    lease(folder, Holder(socket.gethostname(), NOBODY, None, "token", 600.0))
    (folder / TRAIN_LOG).write_text("2026-01-01 INFO a: stopped (SIGTERM, at step 4)\n")
    folder = made(specs[5], tmp_path)
    lease(folder, elsewhere(valid_seconds=60.0), age=600.0)
    (folder / TRAIN_LOG).write_text("2026-01-01 ERROR a fault\nTraceback\nValueError: why\n")
    made(specs[6], tmp_path)
    found = [run_status(spec, tmp_path) for spec in specs]
    assert [run.state for run in found] == [
        *(State.DONE, State.DIVERGED, State.RUNNING, State.RUNNING),
        *(State.STOPPED, State.FAILED, State.WAITING, State.WAITING),
    ]
    text = status_text("test", {"one": specs}, tmp_path)
    assert text.startswith("test: 8 runs: 1 done, 1 diverged, 2 running, 1 failed, 1 stopped, 2 w")
    assert "ValueError: why" in text and "another-node" in text and "at step 5" in text


def test_a_record_of_other_settings_is_outdated_and_not_done(tmp_path: Path) -> None:
    short = tiny_spec("ste")
    longer = replace(short, training=replace(short.training, steps=999))
    write_run(short, tmp_path, train_seconds=3.0)
    assert run_status(short, tmp_path).state is State.DONE
    assert run_status(longer, tmp_path).state is State.OUTDATED
    text = status_text("test", {"one": [longer]}, tmp_path)
    assert text.startswith("test: 1 runs: 1 outdated; how long they take is not known")


def test_a_record_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    spec = tiny_spec("ste")
    (made(spec, tmp_path) / RECORD).write_text("{")
    assert run_status(spec, tmp_path).state is State.WAITING


def test_looking_changes_nothing(tmp_path: Path) -> None:
    spec = tiny_spec("ste")
    lease(made(spec, tmp_path), Holder(socket.gethostname(), NOBODY, None, "token", 600.0))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    status_text("test", {"one": [spec]}, tmp_path)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_it_is_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "smoke"]) == 0
    assert capsys.readouterr().out.startswith("smoke: ")
    assert main(["status", "smok"]) == 2
    assert "did you mean 'smoke'" in capsys.readouterr().err
