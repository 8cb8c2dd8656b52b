"""Curves of a recipe at a target, seeds beside each other."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context


def by_seed(
    context: Context, task: str, recipe: str, target: str, name: str, *, layer: str = ""
) -> pd.DataFrame:
    """Return a statistic of complete runs: steps down, seeds across; empty without samples.

    A dense run gives the statistic against `target`'s mask. Over all sparse layers together, or of
    one `layer`.
    """
    runs = context.task_runs(task)
    complete = runs[(runs["recipe"] == recipe) & (runs["status"] == COMPLETE)]
    source = context.layers if layer else context.curves
    cells = context.remembered(("curves", bool(layer)), lambda: _by_recipe(source))
    curves = cells.get((task, recipe), source.iloc[:0])
    if layer:
        curves = curves[curves["layer"] == layer]
    chosen = curves[
        curves["target"].isin([target, DENSE])
        & (curves["name"] == name)
        & curves["reference"].isin(["", target])
    ]
    chosen = chosen.merge(complete[["target", "seed"]], on=["target", "seed"])
    return chosen.pivot_table(index="step", columns="seed", values="value", sort=True)


def _by_recipe(curves: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    if curves.empty:
        return {}
    return {
        (str(task), str(recipe)): rows
        for (task, recipe), rows in curves.groupby(["task", "recipe"], sort=False)
    }


def with_curves(context: Context, names: Iterable[str]) -> Context:
    """Return a context with the curves of these names alone, quicker to look through."""
    return replace(context, curves=context.curves[context.curves["name"].isin(list(names))])
