"""Runs that train as one stacked model are the runs trained alone, up to rounding."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.compare import assert_same_run, weights
from support.helpers import ONE_SHAPE, TARGET, digits, tiny_spec, trained
from support.jobs import files_of, work
from timm.models.vision_transformer import VisionTransformer
from torch.func import vmap

import pgf.training.stack
from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import TrainingSettings
from pgf.jobs.job import run_job
from pgf.records.record import RECORD
from pgf.tasks.data.continuations import Continuations
from pgf.tasks.data.streams import Batch
from pgf.tasks.data.texts import TextData
from pgf.tasks.digits import DigitsVit
from pgf.training.checkpoints import CHECKPOINT
from pgf.training.interruption import InterruptedRunError, Watch
from pgf.training.loop import train_together
from pgf.training.run_state import Run
from pgf.training.stack import check_stack

TOLERANCE = 2e-4
"""Of weights around 0.1 after 14 steps: rounding alone, which Adam's first steps enlarge."""
STACK = len(ONE_SHAPE) + 2


def vit(**options: Any) -> VisionTransformer:
    size = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return VisionTransformer(**size, **options)


def members(**training: Any) -> list[RunSpec]:
    """Return runs of every recipe, another seed and another target, as one stack."""
    more = {"stack": STACK, "checkpoint_every": 4, **training}
    return [
        *(tiny_spec(recipe, seed=k, **more) for k, recipe in enumerate(ONE_SHAPE)),
        tiny_spec("sr_ste", seed=77, **more),
        tiny_spec("mdgf_linear", target="1:8(FF)", seed=1, **more),
    ]


def together(specs: list[RunSpec], **more: Any) -> list[Run]:
    runs = [Run.make(spec, splits=digits()) for spec in specs]
    train_together(runs, checkpoints=[None] * len(runs), **more)
    return runs


def alone(spec: RunSpec) -> Run:
    return trained(replace(spec, training=replace(spec.training, stack=1)))


def test_every_run_of_a_stack_is_the_run_alone_up_to_rounding() -> None:
    for run in together(members(accumulation=2)):
        other = alone(run.spec)
        own, its = weights(run), weights(other)
        for name, value in own.items():
            difference = (value.float() - its[name].float()).abs().max()
            assert float(difference) <= TOLERANCE, (run.spec.title, name)
        rows, expected = run.all_rows(), other.all_rows()
        assert [row[:4] for row in rows] == [row[:4] for row in expected]
        losses = [(row[4], its[4]) for row, its in zip(rows, expected, strict=True)]
        for (_, name, *_), (found, wanted) in zip(rows, losses, strict=True):
            if name == "loss":
                assert math.isclose(found, wanted, rel_tol=1e-4)


def test_a_stack_trains_the_same_bits_again() -> None:
    for one, other in zip(together(members()), together(members()), strict=True):
        assert_same_run(one, other)


def test_an_interrupted_stack_goes_on_bitwise(tmp_path: Path) -> None:
    specs, watch = members(), Watch()

    def stop(run: Run) -> None:
        if run.step == 9:
            watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError, match="SIGTERM, at step 10"):
        run_job(specs, tmp_path / "a", announce=lambda *_: None, progress=stop, watch=watch)
    kept = [spec.directory(tmp_path / "a") / CHECKPOINT for spec in specs]
    states = [torch.load(path, weights_only=True) for path in kept]
    assert {state["step"] for state in states} == {10}
    alone_size = len(_checkpoint_alone(specs[0], tmp_path / "alone"))
    assert kept[0].stat().st_size < 2 * alone_size, "it holds the whole stack"
    for results in (tmp_path / "a", tmp_path / "b"):
        work(specs, results)
    for spec in specs:
        assert files_of(spec, tmp_path / "a") == files_of(spec, tmp_path / "b")


def _checkpoint_alone(spec: RunSpec, results: Path) -> bytes:
    watch = Watch(signalled="SIGTERM", has_worked=True)
    single = replace(spec, training=replace(spec.training, stack=1))
    run = Run.make(single, splits=digits())
    results.mkdir()
    with pytest.raises(InterruptedRunError):
        train_together([run], checkpoints=[results / CHECKPOINT], watch=watch)
    return (results / CHECKPOINT).read_bytes()


def test_a_member_that_diverges_leaves_the_others_alone() -> None:
    specs = [tiny_spec("sr_ste", seed=seed, stack=3) for seed in range(3)]
    runs = [Run.make(spec, splits=digits()) for spec in specs]

    def break_one(run: Run) -> None:
        if run is runs[1] and run.step == 5:
            with torch.no_grad():
                run.model.get_parameter("head.bias").fill_(math.nan)

    train_together(runs, checkpoints=[None] * 3, progress=break_one)
    assert [run.diverged_at for run in runs] == [None, 5, None]
    for run in (runs[0], runs[2]):
        own, its = weights(run), weights(alone(run.spec))
        assert all((own[n].float() - its[n].float()).abs().max() <= TOLERANCE for n in own)


def broken_at(run: Run, step: int) -> None:
    if run.spec.seed == 1 and run.step == step:
        with torch.no_grad():
            run.model.get_parameter("head.bias").fill_(math.nan)


def test_the_record_of_a_member_that_diverges_is_written_at_once(tmp_path: Path) -> None:
    specs, watch = [tiny_spec("sr_ste", seed=seed, stack=3) for seed in range(3)], Watch()

    def progress(run: Run) -> None:
        broken_at(run, 5)
        if run.step == 9:
            watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError):
        run_job(specs, tmp_path, announce=lambda *_: None, progress=progress, watch=watch)
    record, _ = files_of(specs[1], tmp_path)
    assert (record["status"], record["diverged_at"]) == ("diverged", 5)
    assert work(specs, tmp_path) == [specs[0].title, specs[2].title]


def test_a_member_whose_evaluation_is_no_number_has_diverged_before_the_next_is_looked_at() -> None:
    specs, watch = [tiny_spec("sr_ste", seed=seed, stack=3) for seed in range(3)], Watch()
    runs = [Run.make(spec, splits=digits()) for spec in specs]

    def progress(run: Run) -> None:
        if run is runs[2] and run.step == 4:  # evaluated after the fifth step, one after another
            with torch.no_grad():
                masters = runs[0].sparsifier.masters
                next(iter(masters.values())).fill_(math.nan)
            hook = runs[1].model.register_forward_pre_hook(lambda *_: stop())
            assert hook

    def stop() -> None:
        watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError):
        train_together(runs, checkpoints=[None] * 3, progress=progress, watch=watch)
    assert runs[0].diverged_at is not None


def test_a_run_that_has_left_a_stack_holds_its_own_weights_alone() -> None:
    specs = [tiny_spec("sr_ste", seed=seed, stack=3) for seed in range(3)]
    runs = [Run.make(spec, splits=digits()) for spec in specs]
    train_together(runs, checkpoints=[None] * 3, progress=lambda run: broken_at(run, 5))
    for run in runs:
        for parameter in run.model.parameters():
            assert parameter.grad is None
            size = parameter.numel() * parameter.element_size()
            assert parameter.untyped_storage().nbytes() == size


def test_members_count_their_micro_batches_each_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def weight(task: DigitsVit, batch: Batch) -> float:
        return float(batch[1].sum()) + 1.0

    monkeypatch.setattr(DigitsVit, "weight", weight)
    specs = [tiny_spec("ste", seed=seed, stack=2, accumulation=3, steps=2) for seed in range(2)]
    for run in together(specs):
        own, its = weights(run), weights(alone(run.spec))
        assert all((own[n].float() - its[n].float()).abs().max() <= TOLERANCE for n in own)


def test_texts_are_not_stacked() -> None:
    texts = TextData.of([("a", "b")], encode=lambda every: [[1] for _ in every])
    settings = TrainingSettings(steps=1, batch_size=2, learning_rate=1.0, stack=2)
    for data in (texts, Continuations([[1, 2]], [1])):
        with pytest.raises(UserError, match="batches of texts differ in length"):
            check_stack(vit(), settings, data)


def test_what_memory_does_not_hold_at_once_is_done_in_parts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "pgf")

    def small_memory(function: Any, *, chunk_size: int) -> Any:
        def full(*_: Any) -> Any:
            raise torch.OutOfMemoryError("CUDA out of memory")

        return vmap(function, chunk_size=chunk_size) if chunk_size <= 2 else full

    specs = [tiny_spec("sr_ste", seed=seed, stack=5) for seed in range(5)]
    runs = [Run.make(spec, splits=digits()) for spec in specs]
    monkeypatch.setattr(pgf.training.stack, "vmap", small_memory)
    train_together(runs, checkpoints=[None] * 5)
    assert "does not hold a stack of 5: 3 at once" in caplog.text
    assert "does not hold a stack of 5: 2 at once" in caplog.text
    for run in runs:
        own, its = weights(run), weights(alone(run.spec))
        assert all((own[n].float() - its[n].float()).abs().max() <= TOLERANCE for n in own)


def test_a_job_trains_what_a_stack_lacks_and_leaves_the_rest(tmp_path: Path) -> None:
    specs = [tiny_spec("sr_ste", seed=seed, stack=3) for seed in range(5)]
    work(specs[1:2], tmp_path)
    path = specs[1].directory(tmp_path) / RECORD
    before = path.read_bytes()
    assert work(specs, tmp_path) == [spec.title for k, spec in enumerate(specs) if k != 1]
    assert path.read_bytes() == before
    record, _ = files_of(specs[4], tmp_path)
    assert record["training.stack"] == 3 and record["status"] == "complete"


def test_targets_of_all_members_hold() -> None:
    for run in together(members()):
        for zeros, entries in run.sparsifier.zeros().values():
            pattern = run.spec.target.partition("(")[0]
            n, m = map(int, pattern.split(":"))
            assert zeros / entries >= 1 - n / m
        assert run.spec.target in (TARGET, "1:8(FF)", "dense")
