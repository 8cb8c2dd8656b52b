"""Losses read from the device every so many steps: the same run, seen later."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from support.compare import assert_same_run
from support.helpers import EVERY_RECIPE, digits, tiny_spec
from torch.utils._python_dispatch import TorchDispatchMode

from pgf.experiments import RunSpec, StatisticsSettings
from pgf.tasks import Batch
from pgf.training.interruption import InterruptedRunError, Watch
from pgf.training.loop import train, train_together
from pgf.training.losses import Losses
from pgf.training.run_state import Run
from pgf.training.step import training_step

READS = (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.is_nonzero.default)


def made(spec: RunSpec, *, every: int) -> Run:
    run = Run.make(spec, splits=digits())
    run.losses.every = every
    return run


def seldom(spec: RunSpec) -> RunSpec:
    """Return a spec whose curves and checkpoints ask for no loss."""
    training = replace(spec.training, clip_norm=1.0, checkpoint_every=10**6)
    return replace(
        spec, training=training, statistics=StatisticsSettings(every=1000, noise_every=1000)
    )


def broken(run: Run, step: int) -> None:
    if run.step == step:
        with torch.no_grad():
            run.model.get_parameter("head.bias").fill_(torch.nan)


@pytest.mark.parametrize("recipe", ["sr_ste", "mdgf_linear", "dense"])
def test_a_run_whose_losses_are_read_later_is_the_same(recipe: str) -> None:
    spec = tiny_spec(recipe)
    assert_same_run(train(made(spec, every=1)), train(made(spec, every=7)))


@pytest.mark.parametrize("every", [1, 4, 50])
@pytest.mark.parametrize("bad", [1, 6, 9])
def test_a_run_has_diverged_at_the_step_of_the_loss_however_late_it_is_read(
    every: int, bad: int
) -> None:
    at_once = train(made(seldom(tiny_spec("sr_ste")), every=1), progress=lambda r: broken(r, bad))
    run = made(seldom(tiny_spec("sr_ste")), every=every)
    train(run, progress=lambda r: broken(r, bad))
    assert run.diverged_at == run.step == at_once.diverged_at == bad
    assert run.all_rows() == at_once.all_rows()


def test_a_stop_finds_a_run_that_has_diverged_unread_and_lets_it_end(tmp_path: Path) -> None:
    specs = [seldom(tiny_spec("sr_ste", seed=seed, stack=2)) for seed in range(2)]
    runs, watch = [made(spec, every=50) for spec in specs], Watch(has_worked=True)
    paths, ended = [tmp_path / "one", tmp_path / "other"], list[Run]()

    def progress(run: Run) -> None:
        if run is runs[0]:
            broken(run, 6)
        if run.step == 7:
            watch.signalled = "SIGTERM"

    with pytest.raises(InterruptedRunError):
        train_together(runs, checkpoints=paths, progress=progress, ended=ended.append, watch=watch)
    assert ended == [runs[0]] and runs[0].diverged_at == 6
    assert [path.exists() for path in paths] == [False, True]


def test_a_stop_of_a_run_that_has_diverged_unread_is_its_end() -> None:
    run, watch, ended = made(seldom(tiny_spec("sr_ste")), every=50), Watch(), list[Run]()

    def progress(run: Run) -> None:
        broken(run, 6)
        if run.step == 7:
            watch.signalled = "SIGTERM"

    train_together([run], checkpoints=[None], progress=progress, ended=ended.append, watch=watch)
    assert ended == [run] and run.diverged_at == 6


@pytest.mark.parametrize("recipe", ["sparsegpt", "snip", "gpusq"])
def test_nothing_is_made_once_of_a_run_that_has_diverged_unread(recipe: str) -> None:
    spec = seldom(tiny_spec(recipe, options={"dense": 0.5} if recipe != "snip" else None))
    once = spec.make_recipe().clock(0, spec.training.steps).start
    run = made(spec, every=50)
    train(run, progress=lambda r: broken(r, max(1, once - 1)))
    assert run.diverged_at == max(1, once - 1)


def test_the_others_of_a_stack_go_on_without_one_that_diverged_unread() -> None:
    specs = [seldom(tiny_spec("sparsegpt", seed=seed, stack=3)) for seed in range(3)]
    runs = [made(spec, every=50) for spec in specs]
    train_together(
        runs, checkpoints=[None] * 3, progress=lambda r: broken(r, 6) if r is runs[1] else None
    )
    assert [run.diverged_at for run in runs] == [None, 6, None]
    assert [run.step for run in runs] == [14, 6, 14]


class Reads(TorchDispatchMode):
    """Counts what a GPU would have to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = Counter[str]()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in READS:
            self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_a_step_reads_nothing_from_the_device(recipe: str) -> None:
    spec = seldom(tiny_spec(recipe))
    run = Run.make(spec, splits=digits())
    run.losses.every = 50
    stream: Iterator[Batch] = run.splits.train.stream(batch_size=24, seed=3)
    training_step(run, next(stream))  # the first step is a sample of the curves
    run.step += 1
    with Reads() as reads:
        for _ in range(3):  # an evaluation follows the fifth
            training_step(run, next(stream))
            run.step += 1
    assert not reads.counts
    with Reads() as reads:
        float(run.losses.unread[0][1])
    assert sum(reads.counts.values()) == 1, "a read is counted"


def test_the_first_loss_that_is_not_finite_is_found() -> None:
    losses = Losses(every=3)
    assert losses.first_not_finite() is None and not losses.are_due
    for step, value in ((4, 1.0), (5, torch.inf), (6, torch.nan)):
        losses.add(step, torch.tensor(value))
    assert losses.are_due and losses.first_not_finite() == 5 and not losses.unread
