"""The metric by epoch, with the phases of every recipe: after the paper's Fig. 6."""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import (
    HOLLOW,
    by_epoch,
    draw_evaluations,
    epoch_length,
    evaluations,
    metric_curves,
    name_metric,
    sparsity_order,
)
from pgf.analysis.figures.series import BAND, not_drawn, remark, shown_recipes
from pgf.analysis.figures.style import FULL, LEGEND, add_legend, looks, new_figure
from pgf.analysis.figures.timeline import draw_strip, how_to_read, timeline
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.recorded import longest_of, narrows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 3
"""Targets whose panels fit beside each other."""


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    every = sorted({float(v) for v in context.runs.get("statistics.every", ())})
    sampled = f", to {every[-1]:g} steps" if every else ""
    return (
        "The metric, and its top-5 form where there is one, at the evaluations of a run, always at "
        f"the strict target with D = 0, by epoch. {HOLLOW} Below, the phases of "
        "each recipe. A tick "
        f"stands where the pattern in force is tighter than at the sample before{sampled}: the "
        "stages of SdGf-Stepwise. SdGf-Geometric keeps N/M and narrows its groups alone, so that "
        "its stages leave no tick."
    )


@figure(
    "metric_over_training",
    title="{metric} over training, with the phases of each recipe",
    caption=caption,
    paper="6",
)
def metric_over_training(context: Context) -> "Figure":
    """Return the figure: a row of panels for each measure, a target each, and a strip of phases."""
    (task,) = context.tasks
    targets, measures = chosen_targets(context, task) or [""], metric_curves(context, task)
    sparse = _with_phases(context, task)
    figure, axes = new_figure(
        len(measures) + 1,
        len(targets),
        height=2.0,
        legend_rows=4 + len(shown_recipes(context, task)) // LEGEND,
        share_x=False,
        width=FULL,
        ratios=[*[1.0] * len(measures), 0.05 + 0.06 * len(sparse)],
    )
    for i, (measure, places) in enumerate(zip(measures, axes[:-1], strict=True)):
        _draw_measure(context, measure, places, letters=ascii_lowercase[i * len(targets) :])
    for j, target in enumerate(targets):
        _draw_phases(axes[-1][j], [row[j] for row in axes[:-1]], context, target, named=j == 0)
    text = [BAND, HOLLOW, how_to_read(context), not_drawn(context), _other_targets(context, task)]
    add_legend(figure, axes[0][:1], remark(context, text))
    return figure


def _draw_measure(
    context: Context, measure: str, places: "Sequence[Axes]", *, letters: str
) -> None:
    """Draw the panels of a measure, a target each, on one y axis."""
    (task,) = context.tasks
    targets = chosen_targets(context, task) or [""]
    for place, target, letter in zip(places, targets, letters, strict=False):
        if place is not places[0]:
            place.sharey(places[0])
            place.tick_params(labelleft=False)
        _draw(place, context, task, target, measure)
        place.set_title(f"({letter}) {target_label(target) if target else 'dense'}", loc="left")
    name_metric(places[0], context, task, behind=" (top 5)" if measure.endswith("_top5") else "")


def chosen_targets(context: Context, task: str) -> list[str]:
    """Return at most `MOST` targets: those that the analysis names, else spread by sparsity."""
    there = context.targets_of(task)
    if named := [t for t in context.analysis.figure_targets if t in there]:
        return named[:MOST]
    targets = sparsity_order(there)
    if len(targets) <= MOST:
        return targets
    return [targets[round(i * (len(targets) - 1) / (MOST - 1))] for i in range(MOST)]


def _other_targets(context: Context, task: str) -> str:
    shown = chosen_targets(context, task)
    hidden = [target_label(target) for target in context.targets_of(task) if target not in shown]
    return f"Targets not drawn: {', '.join(hidden)}." if hidden else ""


def _draw(axes: "Axes", context: Context, task: str, target: str, measure: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    scale, _ = by_epoch(context, task)
    for recipe in shown_recipes(context, task):
        found = evaluations(context, task, recipe, target, measure=measure)
        draw_evaluations(axes, found, scale=scale, look=styles[recipe], label=context.label(recipe))


def _with_phases(context: Context, task: str) -> list[str]:
    """Return the shown recipes that prune: a narrowed model is trained densely."""
    sparse = set(context.sparse_recipes(task))
    return [
        r for r in shown_recipes(context, task) if r in sparse and not narrows(context, task, r)
    ]


def _draw_phases(
    below: "Axes", above: "Sequence[Axes]", context: Context, target: str, *, named: bool
) -> None:
    """Draw the strip of phases on the axis of the panels `above`; `named` to name its recipes."""
    (task,) = context.tasks
    styles = looks([name for name, _ in context.recipes])
    sparse = _with_phases(context, task)
    rows = [(timeline(context, task, recipe, target), styles[recipe]) for recipe in sparse]
    for panel in above:
        panel.sharex(below)
        panel.tick_params(labelbottom=False)
    if rows and all(found is None for found, _ in rows):
        below.text(0.5, 0.5, "phases not recorded", transform=below.transAxes, ha="center")
    draw_strip(below, rows, factor=1 / (epoch_length(context, task) or 1))
    if named:
        below.set_yticks(range(len(sparse)), [context.label(recipe) for recipe in sparse])
        below.tick_params(axis="y", length=0)
    below.set_xlabel(by_epoch(context, task)[1])
    if np.isfinite(steps := longest_of(context, task, shown_recipes(context, task))):
        # A little more, so that the last marker is whole.
        below.set_xlim(0, 1.03 * by_epoch(context, task)[0](pd.Index([steps]))[0])
