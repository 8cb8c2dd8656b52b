"""Curves of a page as plain data: each statistic by task, target and recipe, and the phases."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from pgf.analysis.dashboard.legend import curve_name
from pgf.analysis.figures.evaluations import metric_curves
from pgf.analysis.figures.kinds.second_moment import NAMES
from pgf.analysis.figures.timeline import timeline
from pgf.analysis.origins import OURS
from pgf.analysis.tables.context import COMPLETE, DENSE, Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.phases import HEADINGS, KEYS, RUNNING, running
from pgf.analysis.tables.recorded import CUMULATIVE, TRAINING_DENSE, narrows, of_dense

POINTS = 50
"""Points of a curve at most; the last one is always among them."""
TRAINED = {"loss": "training loss", "evaluation_loss": "held-out loss"}
ON_LOG_AXES = {
    *("gradient_variance", "noise_variance", "noise_signal", "noise_to_signal"),
    *("second_moment_variance", "second_moment_variance_running"),
}
PAPERS = {"3a": "second_moment_norm_running", "3b": "gradient_variance"}
"""Panel of the paper's Figure 3 -> its statistic here."""
PAPERS_TARGET = "1:16(FF)"

Curve = dict[str, list[float]]
"""`step`, and the `mean`, `low` and `high` over seeds there."""
GROUP = ["task", "recipe", "target", "reference", "name"]
Curves = dict[tuple[str, ...], pd.DataFrame]
"""`GROUP` -> rows of `step`, `mean`, `min` and `max`."""


def statistics_of(contexts: Iterable[Context]) -> dict[str, dict[str, Any]]:
    """Return every statistic that has curves: its label, and whether its axis is logarithmic."""
    return {
        name: {"label": label, "log": name in ON_LOG_AXES}
        for context in contexts
        for name, label in _labels(context).items()
    }


def _labels(context: Context) -> dict[str, str]:
    there = set(context.curves["name"].unique())
    metrics = [name for task in context.tasks for name in metric_curves(context, task)]
    labels = {**TRAINED, **{name: name.replace("_", " ") for name in metrics}, **HEADINGS}
    derived = {"noise_to_signal": {"noise_variance", "noise_signal"}}
    derived |= {f"{name}_running": {name} for name in RUNNING}
    return {name: label for name, label in labels.items() if derived.get(name, {name}) <= there}


def cells_of(contexts: Mapping[str, Context]) -> tuple[tuple[str, str], ...]:
    """Return (task, target) of every cell that has runs anywhere, ours first."""
    cells = (
        (task, target)
        for context in contexts.values()
        for task in context.tasks
        for target in context.targets_of(task)
    )
    return tuple(dict.fromkeys(cells))


def curves_of(contexts: Mapping[str, Context]) -> list[dict[str, Any]]:
    """Return the curves of every task and target, as JSON has them.

    Each is `task`, `target`, `curves` (statistic -> `curve_name` -> `Curve`), `spent` (`curve_name`
    -> steps and the training FLOPs up to there, in per cent of a whole dense run), `phases`
    (`curve_name` -> bars) and `paper` (statistic -> name by `papers_name` -> `Curve`).

    Args:
        contexts: origin -> its runs; ours (`OURS`) must be there.
    """
    made: dict[tuple[str, str], dict[str, Any]] = {
        (task, target): {
            **{"task": task, "target": target, "curves": {}, "spent": {}, "phases": {}},
            "paper": _papers(contexts[OURS], task, target),
        }
        for task, target in cells_of(contexts)
    }
    for origin, context in contexts.items():
        names = list(_labels(context))
        found = over_seeds(context, names)
        for task, target in cells_of({origin: context}):
            cell = made[task, target]
            for name, own in _curves(context, found, task, target, names).items():
                cell["curves"].setdefault(name, {}).update(_named(origin, own.items()))
            cell["spent"].update(_named(origin, _spent(context, task, target)))
            cell["phases"].update(_named(origin, _phases(context, task, target)))
    return list(made.values())


def _named(origin: str, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {curve_name(origin, recipe): value for recipe, value in values}


def over_seeds(context: Context, names: Iterable[str]) -> Curves:
    """Return mean, smallest and largest value over the seeds of complete runs at each step.

    Args:
        context: the runs and curves.
        names: statistics; `*_running` are derived, seed by seed. `noise_to_signal` is the ratio of
            means over seeds, as in the figure, and has no limits.
    """
    complete = context.runs.loc[context.runs["status"] == COMPLETE, KEYS]
    curves = context.curves.merge(complete, on=KEYS)
    curves = pd.concat([curves, running(curves)], ignore_index=True)
    known = curves[curves["name"].isin(list(names)) & np.isfinite(curves["value"])]
    by_step = known.groupby([*GROUP, "step"], sort=True)["value"].agg(["mean", "min", "max"])
    by_step = pd.concat([by_step, _noise_to_signal(by_step)])
    return {key: rows for key, rows in by_step.reset_index("step").groupby(level=GROUP)}


def _noise_to_signal(by_step: pd.DataFrame) -> pd.DataFrame:
    """Return the ratio of the means over seeds, where the mean signal is positive."""
    noise, signal = (
        by_step["mean"][by_step.index.get_level_values("name") == name].droplevel("name")
        for name in ("noise_variance", "noise_signal")
    )
    ratio = (noise / signal.where(signal > 0)).dropna()
    made = pd.DataFrame({"mean": ratio, "min": ratio, "max": ratio}).assign(name="noise_to_signal")
    return made.set_index("name", append=True).reorder_levels([*GROUP, "step"])


def _curves(
    context: Context, found: Curves, task: str, target: str, names: Sequence[str]
) -> dict[str, dict[str, Curve]]:
    """Return the curves of a task and target; a dense run's are those against the target's mask."""
    chosen: dict[str, dict[str, Curve]] = {}
    for name in names:
        for recipe in context.columns_of(task):
            own = target if recipe in context.sparse_recipes(task) else DENSE
            keys = ((task, recipe, own, reference, name) for reference in (target, ""))
            if (rows := next((found[key] for key in keys if key in found), None)) is not None:
                chosen.setdefault(name, {})[recipe] = _curve(rows)
    return chosen


def _curve(rows: pd.DataFrame) -> Curve:
    """Return `step`, `mean`, `min` and `max` at no more than `POINTS` steps."""
    every = -(-len(rows) // POINTS)
    kept = rows.iloc[(len(rows) - 1) % every :: every]
    return {
        "step": [int(step) for step in kept["step"]],
        "mean": _digits(kept["mean"]),
        "low": _digits(kept["min"]),
        "high": _digits(kept["max"]),
    }


def _digits(values: pd.Series) -> list[float]:
    """Return four significant digits of each value: what a screen can show."""
    return [float(f"{value:.4g}") for value in values]


def _spent(context: Context, task: str, target: str) -> Iterator[tuple[str, Curve]]:
    """Yield the training FLOPs of each recipe at its evaluations, from 0 on."""
    whole = of_dense(context, task, TRAINING_DENSE)
    for recipe in context.columns_of(task):
        flops = by_seed(context, task, recipe, target, CUMULATIVE).mean(axis="columns")
        if len(flops) and math.isfinite(whole):
            steps = [0.0, *map(float, flops.index)]
            yield recipe, {"step": steps, "percent": [0.0, *_digits(100 * flops / whole)]}


def _phases(context: Context, task: str, target: str) -> Iterator[tuple[str, list[list[Any]]]]:
    """Yield the phases of each recipe: (name, first step, last step)."""
    for recipe in context.columns_of(task):
        own = target if recipe in context.sparse_recipes(task) else "dense"
        if (found := timeline(context, task, recipe, own)) is None:
            continue
        if own == "dense" or narrows(context, task, recipe):
            yield recipe, [["dense", 0, found.total]]
            continue
        cuts = [found.start, *found.stages, found.end]
        sparse = [["sparse", low, high] for low, high in pairwise(cuts)]
        bars: list[list[Any]] = [
            ["dense", 0, found.start],
            *sparse,
            ["fixed mask", found.end, found.total],
        ]
        yield recipe, [bar for bar in bars if bar[1] < bar[2]]


def papers_name(recipe: str) -> str:
    """Return the name under which the paper's own curve of a recipe is drawn."""
    return f"paper {recipe}"


def papers_labels() -> dict[str, str]:
    """Return the labels of the paper's own curves, by the names they are drawn under."""
    return {papers_name(recipe): label for recipe, label in NAMES.values()}


def _papers(context: Context, task: str, target: str) -> dict[str, dict[str, Curve]]:
    """Return the paper's own curves, where the set-up is that of its Figure 3."""
    if task not in context.analysis.same_setup or target != PAPERS_TARGET:
        return {}
    found: dict[str, dict[str, Curve]] = {}
    curves = context.published_curves
    for panel, name in PAPERS.items():
        for recipe, line in curves[curves["panel"] == panel].groupby("recipe", sort=False):
            steps, values = 1000 * line["steps_1e3"], line["value"]
            rows = pd.DataFrame({"step": steps, "mean": values, "min": values, "max": values})
            found.setdefault(name, {})[papers_name(NAMES[str(recipe)][0])] = _curve(rows)
    return found
