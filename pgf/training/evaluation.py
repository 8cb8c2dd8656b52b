"""Evaluation at the strict target pattern, and which evaluation counts as best."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from pgf.sparsity import Sparsifier
from pgf.tasks import Splits, Task
from pgf.training.optimization import Average, Precision


@dataclass(frozen=True)
class Evaluation:
    """One evaluation, after `step` optimiser steps."""

    step: int
    values: dict[str, float]
    at_target: bool
    """True if training was at the strict target then; always for a dense run."""

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def evaluation_steps(total: int, count: int) -> set[int]:
    """Return the numbers of finished steps after which to evaluate, the last one included."""
    return {max(1, round(total * (i + 1) / count)) for i in range(count)}


def evaluate(
    task: Task,
    model: nn.Module,
    splits: Splits,
    *,
    sparsifier: Sparsifier,
    average: Average | None,
    precision: Precision,
) -> dict[str, float]:
    """Return the task's values for the model at the strict target pattern with D = 0."""
    was_training = model.training
    model.eval()
    try:
        averaged = average.in_place() if average else nullcontext()
        with averaged, sparsifier.strict(), precision.autocast():
            return task.evaluate(model, splits)
    finally:
        model.train(was_training)


def is_at_target(sparsifier: Sparsifier, step: int) -> bool:
    """Return whether every sparse layer trains at its target pattern with D = 0 at a step."""
    return all(
        phase.pattern == pattern and phase.mask_decay == 0.0
        for (pattern, _), phase in sparsifier.phases(step).items()
    )


def best_at_target(
    evaluations: list[Evaluation], *, metric: str, higher_is_better: bool
) -> Evaluation:
    """Return the best evaluation among those at the strict target, the earliest of equals.

    A best over all epochs would count dense and nearly dense ones; the paper's tables mix the
    last epoch and the best.
    """
    sign = 1.0 if higher_is_better else -1.0
    eligible = [e for e in evaluations if e.at_target]
    return max(eligible, key=lambda e: (sign * e.values[metric], -e.step))
