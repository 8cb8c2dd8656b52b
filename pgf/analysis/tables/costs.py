"""What runs cost by their records, and what they reach at an equal cost."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import COMPLETE, Context
from pgf.analysis.tables.curves import by_seed

INFERENCE, INFERENCE_DENSE = "flops.forward", "flops.forward_dense"
TRAINING, TRAINING_DENSE = "flops.training", "flops.training_dense"
CUMULATIVE = "training_flops"
"""Curve of the training FLOPs so far, at the evaluations."""
AT_TARGET = "at_target"
"""Curve that is 1 where training was at the strict target, at the evaluations."""
FLOORS = ("random_mask", "one_shot")
"""Kinds of recipes that nobody would choose, so that their cost is no budget for the others."""
ROUNDING = 1e-9
"""Share by which sums of FLOPs may differ and still be equal."""


def recorded(context: Context, task: str, recipe: str, target: str, column: str) -> float:
    """Return a number of a cell's record, the largest over its complete runs; NaN without one."""
    return _largest(_complete(context, task, recipe, target), column)


def of_target(context: Context, task: str, target: str, column: str) -> float:
    """Return a number that depends on the target alone, whatever the recipe; NaN without one."""
    runs = context.task_runs(task)
    return _largest(runs[(runs["target"] == target) & (runs["status"] == COMPLETE)], column)


def of_task(context: Context, task: str, column: str) -> float:
    """Return a number that is the same for all runs of a task; NaN without one."""
    runs = context.task_runs(task)
    return _largest(runs[runs["status"] == COMPLETE], column)


def _largest(runs: pd.DataFrame, column: str) -> float:
    if column not in runs:
        return float("nan")
    return float(runs[column].astype("float64").max())


def _complete(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
    def find() -> pd.DataFrame:
        runs = context.task_runs(task)
        mine = (runs["recipe"] == recipe) & (runs["target"] == target)
        return runs[mine & (runs["status"] == COMPLETE)]

    return context.remembered(("complete", task, recipe, target), find)


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
    """Whether training was at the strict target at that evaluation, in every run."""
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
