"""How long the rest will take: by the task's own runs."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.helpers import tiny_spec

from pgf.experiments.run_spec import RunSpec
from pgf.jobs.progress import SIDE_BY_SIDE, Reporter, Spent, look, seconds_left
from pgf.records.record import RECORD, REQUIRED, SCHEMA, write_record


def runs(task: str, count: int) -> list[RunSpec]:
    spec = tiny_spec()
    return [replace(spec, task=replace(spec.task, name=task), seed=seed) for seed in range(count)]


def record(spec: RunSpec, results: Path, seconds: float) -> None:
    folder = spec.directory(results)
    folder.mkdir(parents=True)
    write_record(folder, {**dict.fromkeys(REQUIRED), "schema": SCHEMA, "train_seconds": seconds})


def left(specs: list[RunSpec], results: Path) -> tuple[float, dict[str, int]]:
    spent: Spent = {}
    look(specs, results, spent)
    return seconds_left(specs, spent)


def test_a_task_is_estimated_by_its_own_runs(tmp_path: Path) -> None:
    quick, slow = runs("quick", 5), runs("slow", 3)
    for spec, seconds in ((quick[0], 2.0), (quick[1], 4.0), (slow[0], 100.0)):
        record(spec, tmp_path, seconds)
    assert left([*quick, *slow], tmp_path) == (pytest.approx(3 * 3.0 + 2 * 100.0), {})


def test_runs_of_a_task_that_has_none_yet_are_counted_instead(tmp_path: Path) -> None:
    first, other = runs("first", 3), runs("other", 2)
    assert left([*first, *other], tmp_path) == (0, {"first": 3, "other": 2})
    record(first[0], tmp_path, 5.0)
    assert left([*first, *other], tmp_path) == (pytest.approx(10.0), {"other": 2})


def test_a_line_says_what_the_time_left_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIDE_BY_SIDE, "2")
    first, other = runs("first", 5), runs("other", 2)
    reporter = Reporter([*first, *other], tmp_path)
    done = {"train_seconds": 60.0, "status": "complete", "metric": "accuracy", "final": 1.0}
    reporter.finished(first[0], done, first[1])
    assert "in 60 s; about 2 min left, and 2 runs of other; now" in capsys.readouterr().err


def test_a_broken_record_is_a_run_to_come(tmp_path: Path) -> None:
    some = runs("some", 3)
    record(some[0], tmp_path, 5.0)
    some[1].directory(tmp_path).mkdir(parents=True)
    (some[1].directory(tmp_path) / RECORD).write_text("{")
    assert left(some, tmp_path) == (pytest.approx(10.0), {})


def test_a_record_is_read_once(tmp_path: Path) -> None:
    (one,) = runs("some", 1)
    record(one, tmp_path, 5.0)
    spent: Spent = {}
    look([one], tmp_path, spent)
    (one.directory(tmp_path) / RECORD).write_text("{")
    look([one], tmp_path, spent)
    assert spent == {one.slug: 5.0}
