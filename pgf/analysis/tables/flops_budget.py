"""The metric that recipes reach within one budget of training FLOPs."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.recorded import AT_TARGET, CUMULATIVE, TRAINING, recorded

FLOORS = ("random_mask", "one_shot")
"""Kinds of recipes that nobody would choose, so that their FLOPs are no budget for the others."""
ROUNDING = 1e-9
"""Share by which sums of FLOPs may differ and still be equal."""


def smallest_total(context: Context, task: str, target: str) -> float:
    """Return the least training FLOPs of the compared recipes at a target; NaN for none."""
    recipes = compared(context, task)
    totals = [recorded(context, task, recipe, target, TRAINING) for recipe in recipes]
    return min((total for total in totals if np.isfinite(total)), default=float("nan"))


def compared(context: Context, task: str) -> tuple[str, ...]:
    """Return the sparse recipes but for floors; all of them if there are no others."""
    runs = context.task_runs(task)
    kinds = runs["recipe.kind"] if "recipe.kind" in runs else runs["recipe"]
    floors = set(runs.loc[kinds.isin(FLOORS), "recipe"])
    sparse = context.sparse_recipes(task)
    return tuple(recipe for recipe in sparse if recipe not in floors) or sparse


@dataclass(frozen=True)
class Within:
    """A recipe's last evaluation within a budget of training FLOPs, by run."""

    values: pd.Series
    """Metric by seed, of the runs that have such an evaluation."""
    evaluations: int
    """Evaluations within the budget; where runs differ, the fewest."""
    of: int
    """Evaluations of a whole run."""
    at_target: bool
    """True if training was at the strict target at that evaluation, in every run."""
    flops: float
    """Training FLOPs up to that evaluation, mean over runs; NaN without one."""


def within(context: Context, task: str, recipe: str, target: str, budget: float) -> Within:
    """Return the last evaluation whose cumulative training FLOPs do not exceed `budget`."""
    metric, _ = context.metric(task)
    values = by_seed(context, task, recipe, target, metric)
    flops, ready = (
        by_seed(context, task, recipe, target, name).reindex_like(values).to_numpy()
        for name in (CUMULATIVE, AT_TARGET)
    )
    fits = flops <= budget * (1 + ROUNDING)
    last = {
        j: int(np.flatnonzero(fits[:, j])[-1]) for j in range(fits.shape[1]) if fits[:, j].any()
    }
    return Within(
        values=pd.Series(
            {values.columns[j]: values.iat[i, j] for j, i in last.items()}, dtype="float64"
        ).dropna(),
        evaluations=int(fits.sum(axis=0).min(initial=len(values))) if fits.size else 0,
        of=len(values),
        at_target=all(ready[i, j] == 1.0 for j, i in last.items()),
        flops=float(np.mean([flops[i, j] for j, i in last.items()])) if last else float("nan"),
    )
