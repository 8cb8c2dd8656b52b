"""Recovered share by length of training, of the tasks that an experiment trains at several."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import DENSE_ROLE, grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.recorded import STEPS, of_task, recorded

LEFT = 10.0
"""Percent of the gap from random to dense that doubling the longest length may still gain dense."""

DOUBLED = "dense_doubled"
"""Role of dense training of twice the length: `{recipe: dense, length: 2, role: dense_doubled}`."""

LEAST_EXPONENT, MOST_EXPONENT = 1e-4, 30.0
"""Of the power law by which a loss falls with the length."""


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

    Measured where a column has the role `dense_doubled`, else by `fall_of_doubling`. NaN where the
    longest length has no run, or a random mask is no worse than dense there.
    """
    lengths = lengths_of(context, family)[-3:]
    if len(lengths) < 2 or lengths[-1][1] != context.families[family][-1]:
        return math.nan
    if column := context.column_of(lengths[-1][1], DOUBLED):
        return recovered(context, lengths[-1][1], target, column).estimate - 100
    gap = grade_of(context, lengths[-1][1], target).dense_gap.estimate
    losses = [
        float(losses_of(context, task).of(context.column_of(task, DENSE_ROLE) or "", DENSE).mean())
        for _, task in lengths
    ]
    fall = fall_of_doubling([steps for steps, _ in lengths], losses)
    return 100 * fall / gap if gap > 0 else math.nan


def fall_of_doubling(steps: Sequence[int], losses: Sequence[float]) -> float:
    """Return by how much the loss falls from the last length to its double; negative if it rises.

    Of three lengths by the power law through them, loss = a + b steps^-c; of two, or where the law
    has no exponent above 0, by the mean fall of a doubling between the last two.
    """
    (*_, shorter, longest), (*_, before, after) = steps, losses
    mean = (before - after) / math.log2(longest / shorter)
    if len(steps) < 3 or not losses[0] > before > after:
        return mean
    ratio = (losses[0] - before) / (before - after)

    def excess(c: float) -> float:
        x = [(n / longest) ** -c for n in steps]
        return (x[0] - x[1]) / (x[1] - x[2]) - ratio

    if excess(LEAST_EXPONENT) >= 0 or excess(MOST_EXPONENT) <= 0:
        return mean
    from scipy.optimize import brentq  # takes longer than the rest of this module

    c = float(brentq(excess, LEAST_EXPONENT, MOST_EXPONENT))
    return (before - after) / ((shorter / longest) ** -c - 1) * (1 - 2**-c)
