"""Recovered share by length of training, of the tasks that an experiment trains at several."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import DENSE_ROLE, RANDOM, grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.recorded import STEPS, of_dense

LEFT = 10.0
"""Percent of the gap from random to dense that doubling the longest length may still gain dense."""

DOUBLED = "dense_doubled"
"""Role of dense training of twice the length: `{recipe: dense, length: 2, role: dense_doubled}`."""

UNKNOWN = Interval(math.nan, math.nan, math.nan, 0)
"""A gain that no runs tell."""

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
    found = [(of_dense(context, task, STEPS), task) for task in tasks]
    return [(int(steps), task) for steps, task in found if math.isfinite(steps)]


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


def gain_of_doubling(context: Context, family: str, target: str) -> Interval:
    """Return what a doubled length would still gain dense, in percent of random - dense.

    Measured where a column has the role `dense_doubled`, else by `fall_of_doubling`, without limits
    and with n = 0. NaN where the longest length has no run, one of the runs that it is measured by
    diverged, or a random mask is no worse than dense there.
    """
    lengths = lengths_of(context, family)[-3:]
    tasks = [task for _, task in lengths]
    doubled = context.column_of(context.families[family][-1], DOUBLED)
    if not tasks or tasks[-1] != context.families[family][-1] or (len(tasks) < 2 and not doubled):
        return UNKNOWN
    if any(_has_diverged(context, task, target) for task in (tasks[-1:] if doubled else tasks)):
        return UNKNOWN
    if doubled:
        share = recovered(context, tasks[-1], target, doubled)
        return Interval(share.estimate - 100, share.low - 100, share.high - 100, share.n)
    gap = grade_of(context, tasks[-1], target).dense_gap.estimate
    losses = [
        float(losses_of(context, task).of(context.column_of(task, DENSE_ROLE) or "", DENSE).mean())
        for task in tasks
    ]
    fall = fall_of_doubling([steps for steps, _ in lengths], losses)
    return replace(UNKNOWN, estimate=100 * fall / gap if gap > 0 else math.nan)


def _has_diverged(context: Context, task: str, target: str) -> bool:
    """Return whether a run diverged of dense, dense for twice the steps, or the random mask."""
    columns = (context.column_of(task, role) for role in (DENSE_ROLE, DOUBLED, RANDOM))
    losses = losses_of(context, task)
    return any(column and losses.diverged_in(column, target) for column in columns)


def long_enough(gain: Interval) -> str:
    """Return whether the longest length is long enough: yes, no, not settled; - where unknown.

    By the limits of the gain of a doubling; where it is not measured, by the estimate.
    """
    if math.isnan(gain.estimate):
        return "-"
    low, high = (gain.low, gain.high) if gain.n else (gain.estimate, gain.estimate)
    if high < LEFT:
        return "yes"
    return "no" if low >= LEFT else "not settled"


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
