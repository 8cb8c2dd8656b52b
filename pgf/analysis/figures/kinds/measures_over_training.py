"""Every measure of a task's evaluation over training, a panel each: after the paper's Fig. 7."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pgf.analysis.figures import figure
from pgf.analysis.figures.kinds.metric_over_training import chosen_targets
from pgf.analysis.figures.panels import dress
from pgf.analysis.figures.series import (
    BAND,
    draw_band,
    named,
    not_drawn,
    remark,
    shown_recipes,
)
from pgf.analysis.figures.style import FULL, LEGEND, add_legend, looks, new_figure
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.measurements import measure_heading, measures_of
from pgf.analysis.tables.recorded import longest_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 4
"""Panels beside each other."""


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        "Every measure that a task's evaluation reports, by step, at the strict target with D = 0: "
        "for GLUE a panel for each of its tasks. The target is the first that the analysis names "
        f"for figures, else the densest. {BAND} The paper's Figure 7 has six of the nine measures."
    )


@figure("measures_over_training", title="Every measure over training", caption=caption, paper="7")
def measures_over_training(context: Context) -> "Figure":
    """Return the figure: as many rows of panels as the measures need."""
    (task,) = context.tasks
    names = measures_shown(context, task)
    columns = min(COLUMNS, len(names))
    figure, axes = new_figure(
        -(-len(names) // columns),
        columns,
        height=1.7,
        legend_rows=4 + len(shown_recipes(context, task)) // LEGEND,
        share_x=False,
        width=FULL,
    )
    places = [place for line in axes for place in line]
    for place, name in zip(places, names, strict=False):
        _draw(place, context, task, name)
    for place in places[len(names) :]:
        place.remove()
    target = _target(context, task)
    add_legend(figure, places[:1], remark(context, [named(target), BAND, not_drawn(context)]))
    return figure


def measures_shown(context: Context, task: str) -> list[str]:
    """Return the measures of a task that have curves, its metric at least."""
    curves = context.curves
    drawn = set(curves.loc[curves["task"] == task, "name"].unique())
    names = [m for m in measures_of(context, task) if m in drawn and not m.endswith("_top5")]
    return names or [context.metric(task)[0]]


def _target(context: Context, task: str) -> str:
    return next(iter(chosen_targets(context, task)), "")


def _draw(axes: "Axes", context: Context, task: str, measure: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    values = partial(_values, context, task, measure=measure)
    recipes = shown_recipes(context, task)
    for recipe in recipes:
        draw_band(axes, values(recipe), look=styles[recipe], label=context.label(recipe))
    dress(axes, measure_heading(measure), log=False)
    axes.set_xlabel("step")
    if np.isfinite(steps := longest_of(context, task, recipes)):
        axes.set_xlim(0, steps)


def _values(context: Context, task: str, recipe: str, *, measure: str) -> pd.DataFrame:
    return by_seed(context, task, recipe, _target(context, task), measure)
