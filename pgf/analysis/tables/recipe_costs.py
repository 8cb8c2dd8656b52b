"""Costs of each recipe at each target, and its metric at equal epochs and equal FLOPs."""

from dataclasses import dataclass

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.curves import with_curves
from pgf.analysis.tables.flops_budget import Within, smallest_total, within
from pgf.analysis.tables.recorded import (
    AT_TARGET,
    CUMULATIVE,
    INFERENCE,
    INFERENCE_DENSE,
    TRAINING,
    TRAINING_DENSE,
    of_target,
    of_task,
    recorded,
)
from pgf.analysis.tables.scores import Scores, scores_of


@dataclass(frozen=True)
class RecipeCost:
    """One recipe at one target: its training FLOPs, and the metric at an equal cost."""

    task: str
    target: str
    recipe: str
    training: float
    """Training FLOPs of a run."""
    training_dense: float
    epochs: Interval
    """Metric after the last step."""
    budget: float
    """Training FLOPs that the equal-FLOPs column allows."""
    equal: Interval
    """Metric at the last evaluation within the budget."""
    within: Within
    diverged: int

    @property
    def share(self) -> float:
        """Training FLOPs relative to a dense run of the same length."""
        return self.training / self.training_dense


def recipe_costs(context: Context, task: str) -> list[RecipeCost]:
    """Return the costs of every recipe of a task at every target that it has runs for."""
    small = with_curves(context, (CUMULATIVE, AT_TARGET, context.metric(task)[0]))
    scores = scores_of(context, task)
    return [
        _recipe_cost(small, scores, task, target, recipe)
        for target in context.targets_of(task)
        for recipe in context.columns_of(task)
        if scores.key(recipe, target) in scores.values
    ]


def _recipe_cost(
    context: Context, scores: Scores, task: str, target: str, recipe: str
) -> RecipeCost:
    _, own = scores.key(recipe, target)
    budget = smallest_total(context, task, target)
    reached = within(context, task, recipe, own, budget)
    confidence = context.analysis.confidence
    return RecipeCost(
        task=task,
        target=target,
        recipe=recipe,
        training=recorded(context, task, recipe, own, TRAINING),
        training_dense=recorded(context, task, recipe, own, TRAINING_DENSE),
        epochs=mean_interval(scores.of(recipe, target).to_numpy(), confidence=confidence),
        budget=budget,
        equal=mean_interval(reached.values.to_numpy(), confidence=confidence),
        within=reached,
        diverged=scores.diverged_in(recipe, target),
    )


LONG = (
    *("task", "target", "recipe", "inference_flops", "inference_flops_dense"),
    *("parameters", "parameters_kept", "bytes", "bytes_dense"),
    *("training_flops", "training_flops_dense", "diverged"),
    *("equal_epochs", "equal_epochs_low", "equal_epochs_high", "equal_epochs_n"),
    *("flops_budget", "flops_used", "evaluations_within", "evaluations", "at_target"),
    *("equal_flops", "equal_flops_low", "equal_flops_high", "equal_flops_n"),
)


def long_row(context: Context, cost: RecipeCost) -> tuple[object, ...]:
    """Return a row of the CSV file, in the order of `LONG`."""
    own = DENSE if cost.recipe in context.dense_recipes(cost.task) else cost.target
    kept = [of_target(context, cost.task, own, c) for c in (INFERENCE, "parameters_kept", "bytes")]
    dense = [of_task(context, cost.task, c) for c in (INFERENCE_DENSE, "parameters", "bytes_dense")]
    reached = cost.within
    return (
        *(cost.task, cost.target, cost.recipe, kept[0], dense[0]),
        *(dense[1], kept[1], kept[2], dense[2], cost.training, cost.training_dense, cost.diverged),
        *(cost.epochs.estimate, cost.epochs.low, cost.epochs.high, cost.epochs.n),
        *(cost.budget, reached.flops, reached.evaluations, reached.of, reached.at_target),
        *(cost.equal.estimate, cost.equal.low, cost.equal.high, cost.equal.n),
    )
