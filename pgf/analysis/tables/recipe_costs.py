"""Costs of each recipe at each target, and which columns spend the same training FLOPs."""

from dataclasses import dataclass

import numpy as np

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.recorded import (
    DENSITY,
    INFERENCE,
    INFERENCE_DENSE,
    STEPS,
    TRAINING,
    TRAINING_DENSE,
    TRAINING_OTHER,
    narrows,
    of_task,
    recorded,
)
from pgf.analysis.tables.scores import Scores, scores_of

SAME_FLOPS = 0.02
"""Share by which the training FLOPs of two columns may differ and still count as equal."""


@dataclass(frozen=True)
class RecipeCost:
    """One recipe at one target."""

    task: str
    target: str
    recipe: str
    training: float
    """Training FLOPs of a run, the input gradient dense."""
    training_other: float
    """The same with a sparse input gradient."""
    training_dense: float
    density: float
    """Share of the target's weights in forward passes, averaged over training."""
    steps: float
    epochs: Interval
    """Metric after the last step."""
    diverged: int

    @property
    def share(self) -> float:
        """Training FLOPs relative to a dense run of the same length."""
        return self.training / self.training_dense

    @property
    def other_share(self) -> float:
        """The same with a sparse input gradient."""
        return self.training_other / self.training_dense


def recipe_costs(context: Context, task: str) -> list[RecipeCost]:
    """Return the costs of every recipe of a task at every target that it has runs for."""
    return context.remembered(("recipe costs", task), lambda: _recipe_costs(context, task))


def _recipe_costs(context: Context, task: str) -> list[RecipeCost]:
    scores = scores_of(context, task)
    return [
        _recipe_cost(context, scores, task, target, recipe)
        for target in context.targets_of(task)
        for recipe in context.columns_of(task)
        if scores.key(recipe, target) in scores.values
    ]


def _recipe_cost(
    context: Context, scores: Scores, task: str, target: str, recipe: str
) -> RecipeCost:
    _, own = scores.key(recipe, target)
    confidence = context.analysis.confidence
    training, other, dense, density, steps = (
        recorded(context, task, recipe, own, column)
        for column in (TRAINING, TRAINING_OTHER, TRAINING_DENSE, DENSITY, STEPS)
    )
    if narrows(context, task, recipe):  # its own dense training is of a smaller model
        dense = _dense_per_step(context, task) * steps
    if np.isnan(other):  # a record from before there were two counts
        training, other = other, training
    return RecipeCost(
        task=task,
        target=target,
        recipe=recipe,
        training=training,
        training_other=other,
        training_dense=dense,
        density=density,
        steps=steps,
        epochs=mean_interval(scores.of(recipe, target).to_numpy(), confidence=confidence),
        diverged=scores.diverged_in(recipe, target),
    )


def _dense_per_step(context: Context, task: str) -> float:
    """Return the training FLOPs of one step of the task's own model, dense; NaN if unknown."""
    found = [
        recorded(context, task, name, DENSE, TRAINING) / recorded(context, task, name, DENSE, STEPS)
        for name in context.dense_recipes(task)
    ]
    return found[0] if found else float("nan")


def equal_in_flops(costs: list[RecipeCost]) -> list[tuple[RecipeCost, RecipeCost]]:
    """Return (recipe, control) that spend the same training FLOPs in different numbers of steps."""
    return [
        (own, control)
        for own in costs
        for control in costs
        if own.target == control.target
        and own.steps > control.steps
        and np.isfinite(own.training / control.training)
        and abs(own.training / control.training - 1) <= SAME_FLOPS
    ]


LONG = (
    *("task", "target", "recipe", "inference_flops", "inference_flops_dense"),
    *("parameters", "parameters_kept", "bytes", "bytes_dense"),
    *("training_flops", "training_flops_sparse_input_gradient", "training_flops_dense"),
    *("average_density", "steps", "diverged"),
    *("equal_epochs", "equal_epochs_low", "equal_epochs_high", "equal_epochs_n"),
)


def long_row(context: Context, cost: RecipeCost) -> tuple[object, ...]:
    """Return a row of the CSV file, in the order of `LONG`."""
    own = DENSE if cost.recipe in context.dense_recipes(cost.task) else cost.target
    columns = (INFERENCE, "parameters_kept", "bytes")
    kept = [recorded(context, cost.task, cost.recipe, own, column) for column in columns]
    dense = [of_task(context, cost.task, c) for c in (INFERENCE_DENSE, "parameters", "bytes_dense")]
    return (
        *(cost.task, cost.target, cost.recipe, kept[0], dense[0]),
        *(dense[1], kept[1], kept[2], dense[2]),
        *(cost.training, cost.training_other, cost.training_dense, cost.density, cost.steps),
        *(cost.diverged, cost.epochs.estimate, cost.epochs.low, cost.epochs.high, cost.epochs.n),
    )
