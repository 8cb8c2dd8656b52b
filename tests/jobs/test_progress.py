"""The time left: by the task's own runs, with the starts of jobs and the report."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.helpers import digits, tiny_spec
from support.jobs import VALUES

from pgf.experiments.run_spec import RunSpec
from pgf.jobs.forecast import REPORT_SECONDS, duration, process_seconds
from pgf.jobs.progress import SIDE_BY_SIDE, ProgressReporter, Spent, look, seconds_left
from pgf.records.record import RECORD, write_record
from pgf.training.loop import train
from pgf.training.run_state import Run

DONE = {"train_seconds": 60.0, "status": "complete", "metric": "accuracy", "final": 1.0}


def runs(task: str, count: int) -> list[RunSpec]:
    spec = tiny_spec()
    return [replace(spec, task=replace(spec.task, name=task), seed=seed) for seed in range(count)]


def record(spec: RunSpec, results: Path, seconds: float) -> None:
    folder = spec.directory(results)
    folder.mkdir(parents=True)
    own = {"train_seconds": seconds, "fingerprint": spec.fingerprint()}
    write_record(folder, {**VALUES, **own})


def left(specs: list[RunSpec], results: Path) -> tuple[float, dict[str, int]]:
    """Return the time left of a single job that is training, and what it leaves out."""
    spent: Spent = {}
    look(specs, results, spent)
    seconds, unknown = seconds_left({"job": specs}, spent, start=1000.0)
    return sum(seconds), unknown


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


def test_of_many_tasks_without_runs_a_few_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = {name: runs(name, 2) for name in ("first", "a", "b", "c", "d")}
    reporter = ProgressReporter(jobs, tmp_path, start=0.0)
    reporter.finished(jobs["first"][0], DONE, jobs["first"][1])
    line = capsys.readouterr().err.splitlines()[0]
    assert "left, and 2 runs of a, and 2 runs of b, and 4 runs of 2 other tasks; now" in line


def test_a_line_says_what_the_time_left_leaves_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIDE_BY_SIDE, "2")
    first, other = runs("first", 5), runs("other", 2)
    jobs = {"a": first[:3], "b": first[3:], "c": other}
    reporter = ProgressReporter(jobs, tmp_path, start=0.0)
    reporter.finished(first[0], DONE, first[1])
    text = f"in 60 s; about {duration(120 + REPORT_SECONDS)} left, and 2 runs of other; now"
    assert text in capsys.readouterr().err


def test_a_job_that_is_not_started_yet_is_started_first_and_waits_for_a_core(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIDE_BY_SIDE, "1")
    one = runs("one", 4)
    reporter = ProgressReporter({"a": one[:2], "b": one[2:]}, tmp_path, start=600.0)
    reporter.finished(one[0], DONE, one[1])
    assert f"about {duration(60 + 600 + 120 + REPORT_SECONDS)} left" in capsys.readouterr().err


def test_no_report_follows_runs_that_are_trained_by_hand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SIDE_BY_SIDE, raising=False)
    one = runs("one", 2)
    ProgressReporter({"a": one}, tmp_path).finished(one[0], DONE, one[1])
    assert "; about 60 s left;" in capsys.readouterr().err


def test_the_first_step_tells_how_long_the_start_took(tmp_path: Path) -> None:
    reporter = ProgressReporter({"a": [tiny_spec("ste")]}, tmp_path)
    train(Run.make(tiny_spec("ste"), splits=digits()), progress=reporter.step)
    age = process_seconds()
    assert reporter.start is not None and (age is None or 0 < reporter.start < age)


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
