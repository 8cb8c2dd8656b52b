"""Runs of text-to-text tasks: resumed, repeated, in both precisions, and what they leave."""

import json
from pathlib import Path

import pytest
from support.compare import assert_same_run
from support.helpers import resumed
from support.jobs import work
from support.texts import (
    TEXT_TASKS,
    small_options,
    text_spec,
    with_checkpoint,
    write_checkpoint,
)
from tokenizers import Tokenizer

from pgf.experiments.run_spec import RunSpec
from pgf.records.record import RECORD, read_record
from pgf.tasks import find_task
from pgf.training.evaluation import Evaluation
from pgf.training.loop import train
from pgf.training.outcome import _measures
from pgf.training.run_state import Run


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.delenv("PGF_DATA", raising=False)


def small_run(kind: str, text_data: Path, **training: object) -> RunSpec:
    return text_spec(kind, small_options(kind, text_data), **training)


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_a_resumed_run_is_the_uninterrupted_one_bitwise(
    kind: str, text_data: Path, tmp_path: Path
) -> None:
    spec = small_run(kind, text_data, checkpoint_every=1, ema_decay=0.8)
    whole = train(Run.make(spec))
    assert whole.step == 4 and whole.diverged_at is None
    for step in (1, 3):
        again = resumed(spec, tmp_path / f"{step}.pt", at=step, splits=whole.splits)
        assert_same_run(again, whole)


@pytest.mark.parametrize("kind", TEXT_TASKS)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_repeated_run_is_bitwise_the_same_in_either_precision(
    kind: str, precision: str, text_data: Path
) -> None:
    spec = small_run(kind, text_data, precision=precision, accumulation=2, steps=2, evaluations=1)
    one, other = train(Run.make(spec)), train(Run.make(spec))
    assert_same_run(one, other)
    assert one.splits.fingerprint == other.splits.fingerprint
    assert one.step == 2 and one.diverged_at is None


@pytest.mark.parametrize("kind", TEXT_TASKS)
def test_the_record_has_every_measure_and_the_tokenizer_lies_beside_it(
    kind: str, text_data: Path, tmp_path: Path
) -> None:
    spec = small_run(kind, text_data, steps=3, evaluations=3)
    work([spec], tmp_path)
    record = read_record(spec.directory(tmp_path) / RECORD)
    run = train(Run.make(spec))
    measures = {n for n in run.evaluations[-1].values if n != "evaluation_loss"}
    assert run.task.metric in measures
    for name in measures:
        values = [e.values[name] for e in run.evaluations if e.at_target]
        falls = name.endswith("error_rate") or name.startswith("bits_per")
        assert record[f"final.{name}"] == values[-1]
        assert record[f"best.{name}"] == (min if falls else max)(values)
    assert record["final"] == record[f"final.{run.task.metric}"]
    assert ("bleu" in measures) == ("measure_signature.bleu" in record)
    assert "tok:13a" in record.get("measure_signature.bleu", "tok:13a")
    assert Tokenizer.from_file(str(spec.directory(tmp_path) / "tokenizer.json"))


def test_every_measure_has_its_own_best_at_the_target() -> None:
    names = ("token_accuracy", "bits_per_phoneme", "word_error_rate")
    values = [(9.0, 0.0, 0.0), (2.0, 1.0, 5.0), (1.0, 3.0, 4.0)]
    made = [dict(zip(names, own, strict=True)) for own in values]
    evaluations = [Evaluation(i, own, i > 0) for i, own in enumerate(made)]
    assert _measures(find_task("phonemes")(), evaluations) == {
        **{f"final.{name}": value for name, value in zip(names, (1.0, 3.0, 4.0), strict=True)},
        **{f"best.{name}": value for name, value in zip(names, (2.0, 1.0, 4.0), strict=True)},
    }


def test_a_checkpoint_is_fine_tuned_with_its_own_tokenizer_and_sizes(
    text_data: Path, tmp_path: Path
) -> None:
    folder = write_checkpoint(tmp_path / "t5", feed_forward_proj="gated-gelu")
    options = with_checkpoint(small_options("cola_t5_small", text_data), folder)
    options |= {"dropout": 0.25}
    spec = text_spec("cola_t5_small", options, checkpoint_every=1)
    whole = train(Run.make(spec))
    assert whole.model.config.dropout_rate == 0.25
    assert whole.model.config.d_model == 32 and whole.model.config.vocab_size == 120
    assert_same_run(resumed(spec, tmp_path / "c.pt", at=2, splits=whole.splits), whole)
    work([spec], tmp_path / "results")
    kept = json.loads((spec.directory(tmp_path / "results") / "tokenizer.json").read_text())
    own = json.loads((folder / "tokenizer.json").read_text())
    assert kept["model"]["vocab"] == own["model"]["vocab"]
