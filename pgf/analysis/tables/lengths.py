"""Recovered share by length of training, of the tasks that an experiment trains at several."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import DENSE_ROLE, grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.recorded import STEPS, of_task, recorded

LEFT = 10.0
"""Percent of the gap from random to dense that doubling the longest length may still gain dense."""


@dataclass(frozen=True)
class Point:
    """The recovered share of a recipe at one target and one length."""

    family: str
    task: str
    steps: int
    target: str
    recipe: str
    share: Interval
    """In percent."""
    grades: bool
    diverged: int
    """Runs of the recipe that diverged, and count as the worst of their target."""


def lengths_of(context: Context, family: str) -> list[tuple[int, str]]:
    """Return (steps, task) of every length that has runs, the shortest first."""
    tasks = [task for task in context.families[family] if task in context.tasks]
    found = [(_steps(context, task), task) for task in tasks]
    return [(int(steps), task) for steps, task in found if math.isfinite(steps)]


def _steps(context: Context, task: str) -> float:
    """Return the steps of a task's dense runs, since columns of equal FLOPs have others."""
    dense = context.column_of(task, DENSE_ROLE)
    steps = recorded(context, task, dense, DENSE, STEPS) if dense else math.nan
    return steps if math.isfinite(steps) else of_task(context, task, STEPS)


def points_of(context: Context) -> Iterator[Point]:
    """Yield every point: family by family, target by target, recipe by recipe, length by length."""
    for family in context.families:
        lengths = lengths_of(context, family)
        for target in context.targets:
            for recipe, _ in context.recipes:
                for steps, task in lengths:
                    if target in context.targets_of(task) and recipe in context.columns_of(task):
                        yield Point(
                            family=family,
                            task=task,
                            steps=steps,
                            target=target,
                            recipe=recipe,
                            share=recovered(context, task, target, recipe),
                            grades=grade_of(context, task, target).grades,
                            diverged=losses_of(context, task).diverged_in(recipe, target),
                        )


def gain_of_doubling(context: Context, family: str, target: str) -> float:
    """Return what a doubled length would still gain dense, in percent of random - dense.

    It is read off the last two lengths: the dense loss falls by so much a doubling between them.
    Negative where dense is worse at the longest. NaN where that has no run, or a random mask is no
    worse than dense.
    """
    lengths = lengths_of(context, family)
    if len(lengths) < 2 or lengths[-1][1] != context.families[family][-1]:
        return math.nan
    (shorter, before), (longer, after) = lengths[-2:]
    gap = grade_of(context, after, target).dense_gap.estimate
    losses = [
        losses_of(context, task).of(context.column_of(task, DENSE_ROLE) or "", DENSE).mean()
        for task in (before, after)
    ]
    if not gap > 0:
        return math.nan
    return float(100 * (losses[0] - losses[1]) / math.log2(longer / shorter) / gap)
