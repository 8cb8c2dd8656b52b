"""Sentences of a results page on columns that another measure judges otherwise than the loss."""

from collections.abc import Iterator

from pgf.analysis.tables.admission import RANDOM
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.measurements import columns_of, falls, measures_of
from pgf.analysis.tables.scores import LAST, scores_of
from pgf.analysis.tables.shares import graded_targets, own_recipes


def other_sides(context: Context) -> Iterator[str]:
    """Yield, by target, the columns on the other side of the random mask than by the loss."""
    for task in context.judged_tasks:
        for target in graded_targets(context, task):
            if said := "; ".join(_by_measure(context, task, target)):
                compared = losses_of(context, task).measure.name
                yield (
                    f"`{task}` at {target_label(target)}: by the mean of another measure, these "
                    f"lie on the other side of the random mask than by the {compared}: {said}. The "
                    "table `measures` has them."
                )


def _by_measure(context: Context, task: str, target: str) -> Iterator[str]:
    for column in columns_of(measures_of(context, task)):
        others = [
            context.label(recipe)
            for recipe in own_recipes(context, task)
            if any(_differs(context, task, target, recipe, m) for m in column.measures)
        ]
        if others:
            yield f"{column.heading} {', '.join(others)}"


def _differs(context: Context, task: str, target: str, recipe: str, measure: str) -> bool:
    random = context.column_of(task, RANDOM)
    if random is None:
        return False
    losses = losses_of(context, task)
    scores = scores_of(context, task, f"{LAST}.{measure}")
    sign = 1 if falls(context, task, measure) else -1
    if losses.measure.column == f"{LAST}.{measure}" or losses.diverged_in(recipe, target):
        return False
    by_loss = losses.of(recipe, target).mean() - losses.of(random, target).mean()
    own, other = (scores.of(column, target).mean() for column in (recipe, random))
    return bool(by_loss * sign * (own - other) < 0)
