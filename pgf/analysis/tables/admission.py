"""Admission: which task and target can grade recipes at all, and the share that each recovers.

A task grades at a target when its layers are needed and a random mask costs something. With s the
standard deviation over seeds of random mask - dense: removing the layers is worse than a random
mask by at least 4 s, and a random mask worse than dense by at least 8 s. Recipes
trained beside these three columns do not change whether a task grades.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from pgf.analysis.power import pooled_spread, smallest_effect
from pgf.analysis.statistics import Interval, bootstrap_limits, mean_interval
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.losses import Losses, losses_of

REMOVED, RANDOM, DENSE_ROLE = "removed", "random_mask", "dense"
"""Roles of the three columns that admission goes by."""
ANCHORS = (REMOVED, RANDOM, DENSE_ROLE)
"""Roles that the recovered share is measured by: no recipes to rank."""
REMOVED_GAP, DENSE_GAP = 4.0, 8.0
"""Least gaps in s: from removed to random, and from random to dense."""
ROUNDING = 1e-12
"""Share of a difference below which its spread is none."""
DRAWS = 10_000
"""Of the bootstrap."""


@dataclass(frozen=True)
class Grade:
    """One task at one target; gaps in the unit of the losses, NaN where a column is missing."""

    task: str
    target: str
    removed_gap: Interval
    """Loss of removed - loss of random mask."""
    dense_gap: Interval
    """Loss of random mask - loss of dense."""
    spread: float
    """s: standard deviation over seeds of random mask - dense."""
    columns_spread: float
    """The same of all sparse columns but removed and those with a diverged run, pooled."""
    n: int
    """Pairs of seeds of random mask and dense."""
    smallest: float
    """Smallest true difference that the t-test finds with a power of 80%."""
    reason: str
    """Reason why the target does not grade; empty where it does."""

    @property
    def grades(self) -> bool:
        """True if verdicts are given at this target."""
        return not self.reason


def grade_of(context: Context, task: str, target: str) -> Grade:
    """Return whether a task grades recipes at a target, and by what margin."""
    return context.remembered(("grade", task, target), lambda: _grade(context, task, target))


def _grade(context: Context, task: str, target: str) -> Grade:
    analysis, losses = context.analysis, losses_of(context, task)
    columns = {role: context.column_of(task, role) for role in (REMOVED, RANDOM, DENSE_ROLE)}
    removed, random, dense = columns.values()
    # A diverged run's loss is made up: it says nothing of the spread.
    pairs = {
        name: losses.gains(name, dense, target)
        for name in context.sparse_recipes(task)
        if dense and name != removed and not losses.diverged_in(name, target)
    }
    own = pairs.get(random or "", np.empty(0))
    spread = pooled_spread([own])
    # Seeds that are all alike differ by rounding.
    spread = 0.0 if own.size and spread < ROUNDING * abs(own).max() else spread
    gaps = [
        mean_interval(
            losses.gains(better, worse, target) if better and worse else [],
            confidence=analysis.confidence,
        )
        for better, worse in ((random, removed), (dense, random))
    ]
    return Grade(
        task=task,
        target=target,
        removed_gap=gaps[0],
        dense_gap=gaps[1],
        spread=spread,
        columns_spread=pooled_spread(list(pairs.values())),
        n=own.size,
        smallest=smallest_effect(own.size, spread, alpha=analysis.alpha),
        reason=_lacking(losses, target, columns)
        or _reason(_in_spreads(gaps[0], spread), _in_spreads(gaps[1], spread)),
    )


def _in_spreads(gap: Interval, spread: float) -> float:
    """Return a gap in s; infinite where seeds do not differ at all."""
    if spread == 0:
        return math.inf if gap.estimate > 0 else -math.inf if gap.n else math.nan
    return gap.estimate / spread


def _lacking(losses: Losses, target: str, columns: Mapping[str, str | None]) -> str:
    if lacking := [role for role, column in columns.items() if column is None]:
        return f"no runs of {' and '.join(lacking)}"
    for role, column in columns.items():
        if column and losses.diverged_in(column, target):
            return f"a run of {role} diverged"
    return ""


def _reason(removed_gap: float, dense_gap: float) -> str:
    if math.isnan(removed_gap) or math.isnan(dense_gap):
        return "too few seeds to know their spread"
    said = []
    if removed_gap < REMOVED_GAP:
        said.append(f"removed is {removed_gap:.1f} sd above random, not {REMOVED_GAP:g}")
    if dense_gap < DENSE_GAP:
        said.append(f"random is {dense_gap:.1f} sd above dense, not {DENSE_GAP:g}")
    return "; ".join(said)


def margin_of(context: Context, task: str, target: str) -> float:
    """Return the smallest difference that matters, in the unit of the losses.

    `analysis.margin` points of recovered share; NaN where a random mask is no worse than dense.
    """
    gap = grade_of(context, task, target).dense_gap.estimate
    return context.analysis.margin / 100 * gap if gap > 0 else math.nan


def recovered(context: Context, task: str, target: str, recipe: str) -> Interval:
    """Return the recovered share in percent: (random - recipe) / (random - dense), of means.

    0 is a random mask, 100 is dense. The interval is a bootstrap over seeds, the same ones drawn
    for all three columns. NaN where a column is missing or a random mask is no worse than dense.
    """
    key = ("recovered", task, target, recipe)
    return context.remembered(key, lambda: _recovered(context, task, target, recipe))


def _recovered(context: Context, task: str, target: str, recipe: str) -> Interval:
    table = seeds_table(context, task, target, recipe)
    if table is None:
        return mean_interval([], confidence=context.analysis.confidence)
    n = len(table[0])
    shares = share_of_means(table, draws(n, task))
    low, high = bootstrap_limits(shares, [n], confidence=context.analysis.confidence)
    whole = share_of_means(table, np.arange(n)[None, :])
    return Interval(float(whole[0]), low, high, n)


def seeds_table(
    context: Context, task: str, target: str, recipe: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the losses (n,) of recipe, random mask and dense by the seeds that all three have."""
    losses = losses_of(context, task)
    names = [recipe, context.column_of(task, RANDOM), context.column_of(task, DENSE_ROLE)]
    series = [losses.of(name, target) for name in names if name]
    if len(series) < 3 or any(one.empty for one in series):
        return None
    seeds = series[0].index.intersection(series[1].index).intersection(series[2].index)
    if seeds.empty or series[1].loc[seeds].mean() <= series[2].loc[seeds].mean():
        return None
    own, random, dense = (one.loc[seeds.sort_values()].to_numpy() for one in series)
    return own, random, dense


def share_of_means(
    table: tuple[np.ndarray, np.ndarray, np.ndarray], chosen: np.ndarray
) -> np.ndarray:
    """Return the recovered share (draws,) of seeds drawn by number, (draws, n)."""
    own, random, dense = (values[chosen].mean(axis=1) for values in table)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(100 * (random - own) / (random - dense))


def draws(n: int, task: str) -> np.ndarray:
    """Return `DRAWS` samples of n seeds by number, (DRAWS, n).

    They are the same ones for all recipes and targets of a task, which share seeds and dense runs.
    """
    return np.random.default_rng(crc32(task.encode())).integers(0, n, (DRAWS, n))
