"""The measure that comparisons are made on, by recipe, target and seed."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context
from pgf.analysis.tables.scores import LAST

LAST_LOSS = "final_loss"
"""Column of the held-out loss after the last step."""


@dataclass(frozen=True)
class Measure:
    """A measure after the last step."""

    column: str
    """Of the runs."""
    name: str
    higher_is_better: bool


@dataclass(frozen=True)
class Losses:
    """A measure turned so that less is better; every run that was trained has a value.

    A run that diverged has the worst value that any run of the target has: it is never better than
    its pair, and never left out.
    """

    measure: Measure
    values: dict[tuple[str, str], pd.Series]
    """(recipe, target) -> value by seed; NaN where a run diverged."""
    worst: dict[str, float]
    """Target -> the worst value there, dense runs included."""

    def of(self, recipe: str, target: str) -> pd.Series:
        """Return the values by seed; a dense run stands at every target. Empty without runs."""
        known = self.values.get(self._key(recipe, target), pd.Series(dtype="float64"))
        return known.fillna(self.worst.get(target, np.nan)).dropna()

    def diverged_in(self, recipe: str, target: str) -> int:
        """Return how many runs of a recipe at a target diverged."""
        known = self.values.get(self._key(recipe, target), pd.Series(dtype="float64"))
        return int(known.isna().sum())

    def gains(self, recipe: str, control: str, target: str, control_target: str = "") -> np.ndarray:
        """Return control - recipe (n,) over the seeds that both have, in order: more is better.

        Args:
            recipe: column that is asked about.
            control: column that it is compared with.
            target: target of both.
            control_target: the control's, where it is another.
        """
        own, other = self.of(recipe, target), self.of(control, control_target or target)
        seeds = own.index.intersection(other.index).sort_values()
        return np.asarray(other.loc[seeds].to_numpy() - own.loc[seeds].to_numpy())

    def _key(self, recipe: str, target: str) -> tuple[str, str]:
        sparse, dense = (recipe, target), (recipe, DENSE)
        return dense if sparse not in self.values and dense in self.values else sparse


def measure_of(context: Context, task: str) -> Measure:
    """Return what a task's runs are compared on.

    The held-out loss, which resolves what accuracies hide; the task's metric where the set-up is
    the paper's, the analysis asks for it, or the runs hold no loss.
    """
    metric, higher_is_better = context.metric(task)
    runs = context.task_runs(task)
    has_loss = LAST_LOSS in runs and bool(np.isfinite(runs[LAST_LOSS].astype("float64")).any())
    if context.analysis.measure == "loss" and has_loss and not context.has_same_setup(task):
        return Measure(LAST_LOSS, "held-out loss", False)
    return Measure(LAST, metric.replace("_", " "), higher_is_better)


def losses_of(context: Context, task: str) -> Losses:
    """Return the measure of all runs of a task."""
    return context.remembered(("losses", task), lambda: _losses(context, task))


def _losses(context: Context, task: str) -> Losses:
    measure = measure_of(context, task)
    runs = context.task_runs(task).reset_index(drop=True)
    sign = -1.0 if measure.higher_is_better else 1.0
    values = sign * runs[measure.column].astype("float64")
    ended = (runs["status"] == COMPLETE) & np.isfinite(values)
    known = values.where(ended)
    worst = {
        target: float(known[runs["target"].isin([target, DENSE])].max())
        for target in runs["target"].unique()
    }
    found = {
        (str(recipe), str(target)): pd.Series(known[rows.index].to_numpy(), index=rows["seed"])
        for (recipe, target), rows in runs.groupby(["recipe", "target"], sort=False)
    }
    return Losses(measure, found, worst)
