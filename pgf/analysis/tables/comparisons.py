"""Scores of recipes by target and seed, and comparisons of two recipes paired by seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval, holm, mean_interval, sign_flip_p, smallest_p
from pgf.analysis.tables.context import COMPLETE, DENSE, Context
from pgf.experiments import AnalysisSettings

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
    runs = context.task_runs(task).reset_index(drop=True)
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


def paired_values(first: pd.Series, second: pd.Series) -> np.ndarray:
    """Return first - second (n,) over the seeds that both have, in the order of seeds."""
    seeds = first.index.intersection(second.index).sort_values()
    return np.asarray(first.loc[seeds].to_numpy() - second.loc[seeds].to_numpy())


@dataclass(frozen=True)
class Comparison:
    """A paired difference and what the decision rule says of it, within its family."""

    target: str
    interval: Interval
    p: float
    p_holm: float
    smallest_p: float
    """Smallest p that this many pairs can give."""
    verdict: str
    """`above`, `below` or `not settled`."""


def compare_family(
    family: Sequence[tuple[str, np.ndarray]], analysis: AnalysisSettings
) -> list[Comparison]:
    """Judge paired differences that belong together: (target, differences (n,)) each.

    A difference is above or below zero when its Holm-corrected exact p, within this family, is at
    most `analysis.alpha`.
    """
    p_values = [sign_flip_p(differences) for _, differences in family]
    adjusted = holm(p_values)
    result = []
    for (target, differences), p, corrected in zip(family, p_values, adjusted, strict=True):
        interval = mean_interval(differences, confidence=analysis.confidence)
        verdict = "not settled"
        if corrected <= analysis.alpha:
            verdict = "above" if interval.estimate > 0 else "below"
        result.append(
            Comparison(
                target=target,
                interval=interval,
                p=p,
                p_holm=float(corrected),
                smallest_p=smallest_p(interval.n),
                verdict=verdict,
            )
        )
    return result


def attainable(comparisons: Sequence[Comparison], analysis: AnalysisSettings) -> str:
    """Return a sentence on the smallest corrected p of a family: whether it can settle anything."""
    made = [c for c in comparisons if c.interval.n > 0]
    if not made:
        return "No pair of runs could be compared."
    pairs = max(c.interval.n for c in made)
    smallest = min(smallest_p(pairs) * len(made), 1.0)
    text = (
        f"With {pairs} pairs the smallest attainable p is {smallest_p(pairs):.2g}, after Holm's "
        f"correction over {len(made)} comparisons {smallest:.2g}"
    )
    if smallest > analysis.alpha:
        return f"{text}: more seeds are needed before any difference here can count as found."
    return f"{text}."
