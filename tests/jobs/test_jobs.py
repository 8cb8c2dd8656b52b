"""Jobs: what a run leaves on disk, bitwise the same when it is repeated, packed or interrupted."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from support.helpers import TARGET, tiny_spec
from support.jobs import files_of, work, write_complete

from pgf.errors import UserError
from pgf.jobs.job import run_job, write_manifest
from pgf.jobs.leases import LEASE, LOCK
from pgf.records.failures import failure_summary
from pgf.records.record import CURVE_COLUMNS, RECORD, why_incomplete
from pgf.training.checkpoints import CHECKPOINT
from pgf.training.run_state import Run


def test_a_run_leaves_a_complete_record_and_its_curves(tmp_path: Path) -> None:
    spec = tiny_spec("mdgf_linear")
    work([spec], tmp_path)
    record, curves = files_of(spec, tmp_path)
    assert why_incomplete(spec, tmp_path) is None
    assert (record["status"], record["n_steps"], record["target"]) == ("complete", 14, TARGET)
    assert record["best"] >= record["final"] and record["recipe.kind"] == "mdgf_linear"
    assert record["sparsity.blocks.0.mlp.fc1"] == record["sparsity.blocks.0.attn.qkv[K]"] == 0.75
    assert tuple(curves) == CURVE_COLUMNS and len(curves["step"]) > 100


def test_the_settings_in_a_record_are_those_of_the_run(tmp_path: Path) -> None:
    spec = tiny_spec("sr_ste", options={"lambda_w": 0.03}, weight_decay=0.07)
    work([spec], tmp_path)
    record, _ = files_of(spec, tmp_path)
    assert record["recipe.lambda_w"] == 0.03 and record["recipe.dense"] == 0.0
    for key, value in asdict(spec.training).items():
        assert record[f"training.{key}"] == (list(value) if isinstance(value, tuple) else value)


@pytest.mark.parametrize("recipe", ["dense", "sdgf_geometric"])
def test_a_repeated_run_leaves_the_same_record(recipe: str, tmp_path: Path) -> None:
    spec = tiny_spec(recipe)
    for results in (tmp_path / "one", tmp_path / "other"):
        work([spec], results)
    assert files_of(spec, tmp_path / "one") == files_of(spec, tmp_path / "other")


def test_runs_in_one_job_are_those_of_jobs_of_their_own(tmp_path: Path) -> None:
    specs = [tiny_spec(r) for r in ("dense", "random_mask", "one_shot", "mdgf_exponential")]
    work(specs, tmp_path / "pack")
    for spec in reversed(specs):
        work([spec], tmp_path / "alone")
        assert files_of(spec, tmp_path / "pack") == files_of(spec, tmp_path / "alone")


def test_complete_runs_are_skipped(tmp_path: Path) -> None:
    specs = [tiny_spec("ste"), tiny_spec("dense")]
    assert work(specs[:1], tmp_path) == [specs[0].title]
    path = specs[0].directory(tmp_path) / RECORD
    before = path.read_bytes()
    assert work(specs, tmp_path) == [specs[1].title]
    assert path.read_bytes() == before


def test_a_broken_record_is_kept_aside_and_the_run_trained_again(tmp_path: Path) -> None:
    spec = tiny_spec()
    directory = write_complete(spec, tmp_path)
    (directory / RECORD).write_text("{")
    assert work([spec], tmp_path) == [spec.title]
    assert (directory / f"{RECORD}.bad1").read_text() == "{"
    assert why_incomplete(spec, tmp_path) is None


def test_an_interrupted_job_goes_on_and_leaves_the_same_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "pgf")
    spec = tiny_spec("sdgf_stepwise", checkpoint_every=4)

    def interrupt(run: Any) -> None:
        if run.step == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job([spec], tmp_path / "a", announce=lambda *_: None, progress=interrupt)
    directory = spec.directory(tmp_path / "a")
    assert (directory / CHECKPOINT).exists() and not (directory / RECORD).exists()
    for results in (tmp_path / "a", tmp_path / "b"):
        work([spec], results)
    assert files_of(spec, tmp_path / "a") == files_of(spec, tmp_path / "b")
    assert not (directory / CHECKPOINT).exists()
    assert "resumed at step 8" in (directory / "train.log").read_text()


def test_a_diverged_run_is_a_record_without_a_metric(tmp_path: Path) -> None:
    spec = tiny_spec("ste", learning_rate=1e30, clip_norm=None, warmup=0.0)
    work([spec], tmp_path)
    record, _ = files_of(spec, tmp_path)
    assert (record["status"], record["final"], record["best"]) == ("diverged", None, None)
    assert record["diverged_at"] == record["n_steps"] == 1


def test_a_run_whose_last_step_breaks_it_still_leaves_a_record(tmp_path: Path) -> None:
    spec = tiny_spec("ste", learning_rate=1e30, clip_norm=None, warmup=0.0, steps=1)
    work([spec], tmp_path)
    assert why_incomplete(spec, tmp_path) is None


def test_the_lock_of_a_run_is_free_after_it(tmp_path: Path) -> None:
    spec = tiny_spec()
    work([spec], tmp_path)
    with FileLock(spec.directory(tmp_path) / LOCK, timeout=0):
        assert not (spec.directory(tmp_path) / LEASE).exists()


def test_a_manifest_names_the_runs_and_their_fingerprints(tmp_path: Path) -> None:
    spec = tiny_spec()
    write_complete(spec, tmp_path)
    lines = run_job([spec], tmp_path, announce=lambda *_: None, progress=lambda _: None)
    write_manifest(tmp_path / "m.json", "job7", lines)
    assert json.loads((tmp_path / "m.json").read_text()) == {
        "job": "job7",
        "runs": [{"run": spec.slug, "fingerprint": spec.fingerprint()}],
    }


def test_too_little_memory_on_a_gpu_is_one_sentence_and_leaves_no_record(tmp_path: Path) -> None:
    spec = tiny_spec("ste", accumulation=2)

    def full(run: Run) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    with pytest.raises(UserError, match=r"does not hold 12 samples at a time: raise training\.acc"):
        run_job([spec], tmp_path, announce=lambda *_: None, progress=full)
    assert why_incomplete(spec, tmp_path) == "not trained yet"


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RuntimeError("a shape does not fit"), RuntimeError, "RuntimeError: a shape does not fit"),
        (UserError("no such data"), UserError, "no such data"),
        (torch.OutOfMemoryError("CUDA"), UserError, "raise training.accumulation, which is 1"),
    ],
)
def test_a_run_that_fails_leaves_its_last_words(
    error: Exception,
    kind: type[Exception],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> Run:
        raise error

    monkeypatch.setattr(Run, "make", fail)
    spec = tiny_spec("ste")
    with pytest.raises(kind):
        work([spec], tmp_path)
    said = failure_summary([spec], tmp_path)
    assert words in said and "never started" not in said


def test_what_a_killed_trainer_was_writing_is_removed(tmp_path: Path) -> None:
    spec = tiny_spec("ste", steps=2, evaluations=1)
    folder = spec.directory(tmp_path)
    folder.mkdir(parents=True)
    (folder / f".{CHECKPOINT}.4711.tmp").write_bytes(b"half of it")
    work([spec], tmp_path)
    assert not list(folder.glob(".*.tmp"))


def test_a_file_in_the_place_of_a_run_s_folder_is_named(tmp_path: Path) -> None:
    spec = tiny_spec("ste")
    spec.directory(tmp_path).parent.mkdir(parents=True)
    spec.directory(tmp_path).write_text("somebody's notes")
    with pytest.raises(UserError, match=r"a file is where a run's folder belongs"):
        work([spec], tmp_path)
    assert spec.directory(tmp_path).read_text() == "somebody's notes"
