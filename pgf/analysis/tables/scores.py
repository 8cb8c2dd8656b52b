"""The metric of recipes by target and seed, as tables and figures show it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context

LAST, BEST = "final", "best"
"""Columns of the two accuracies: after the last step, and the best at the strict target."""

Key = tuple[str, str]
"""Recipe and target."""


@dataclass(frozen=True)
class Scores:
    """The metric of one task by recipe, target and seed."""

    values: dict[Key, pd.Series]
    """Metric by seed of the runs that completed."""
    diverged: dict[Key, int]
    """Runs that did not."""

    def key(self, recipe: str, target: str) -> Key:
        """Return the key of a recipe's runs at a target; a dense run stands at every target."""
        sparse, dense = (recipe, target), (recipe, DENSE)
        known = self.values.keys() | self.diverged.keys()
        return dense if sparse not in known and dense in known else sparse

    def of(self, recipe: str, target: str) -> pd.Series:
        """Return the metric by seed; empty where no run completed."""
        return self.values.get(self.key(recipe, target), pd.Series(dtype="float64"))

    def diverged_in(self, recipe: str, target: str) -> int:
        """Return how many runs of a recipe at a target diverged."""
        return self.diverged.get(self.key(recipe, target), 0)


def scores_of(context: Context, task: str, column: str = LAST) -> Scores:
    """Return the scores of a task; a run without a last metric counts as diverged."""
    return context.remembered(("scores", task, column), lambda: _scores(context, task, column))


def _scores(context: Context, task: str, column: str) -> Scores:
    wanted = dict.fromkeys(("recipe", "target", "seed", "status", LAST, column))
    runs = context.task_runs(task)[[*wanted]].reset_index(drop=True)  # of a hundred columns
    ended = (runs["status"] == COMPLETE) & np.isfinite(runs[LAST].astype("float64"))
    good = ended & np.isfinite(runs[column].astype("float64"))
    values: dict[Key, pd.Series] = {}
    diverged: dict[Key, int] = {}
    for keys, rows in runs.groupby(["recipe", "target"], sort=False):
        recipe, target = map(str, keys)
        kept = rows[good.loc[rows.index]]
        values[recipe, target] = kept.set_index("seed")[column].astype("float64")
        if count := int((~ended.loc[rows.index]).sum()):
            diverged[recipe, target] = count
    return Scores(values, diverged)
