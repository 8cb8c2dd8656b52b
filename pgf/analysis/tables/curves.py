"""Curves of a recipe at a target, seeds beside each other."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context


def by_seed(
    context: Context, task: str, recipe: str, target: str, name: str, *, layer: str = ""
) -> pd.DataFrame:
    """Return a statistic of complete runs: steps down, seeds across; empty without samples.

    A dense run gives the statistic against `target`'s mask. Over all sparse layers together, or of
    one `layer`. Nobody may change what is returned.
    """
    key = ("by_seed", task, recipe, target, name, layer)
    return context.remembered(key, lambda: _by_seed(context, task, recipe, target, name, layer))


def _by_seed(
    context: Context, task: str, recipe: str, target: str, name: str, layer: str
) -> pd.DataFrame:
    runs = context.task_runs(task)
    whole = (runs["recipe"] == recipe) & (runs["status"] == COMPLETE)
    complete = runs.loc[whole, ["target", "seed"]]
    source = context.layers if layer else context.curves
    places = context.remembered(("curves", bool(layer)), lambda: _places(source))
    curves = source.iloc[places.get((task, recipe, name), [])]
    if layer:
        curves = curves[curves["layer"] == layer]
    chosen = curves[curves["target"].isin([target, DENSE]) & curves["reference"].isin(["", target])]
    chosen = chosen.merge(complete, on=["target", "seed"])
    known = chosen.dropna(subset=["value"])
    return known.groupby(["step", "seed"])["value"].mean().unstack("seed")


def _places(curves: pd.DataFrame) -> Mapping[Hashable, Any]:
    """Return (task, recipe, name) -> rows, so that no call looks through all curves."""
    if curves.empty:
        return {}
    return curves.groupby(["task", "recipe", "name"], sort=False, observed=True).indices
