"""Every measure of a task's evaluation over training, a panel each: after the paper's Fig. 7."""

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures import figure
from pgf.analysis.figures.kinds.figure6 import chosen_targets
from pgf.analysis.figures.panels import dress
from pgf.analysis.figures.series import (
    BAND,
    all_shown,
    draw_band,
    not_drawn,
    remark,
    shown_recipes,
)
from pgf.analysis.figures.style import FULL, add_legend, looks, new_figure
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.measurements import measure_heading, measures_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 3
"""Panels beside each other."""


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        "Every measure that a task's evaluation reports, by step, at the strict target with D = 0: "
        "for GLUE a panel for each of its tasks. The target is the first that the analysis names "
        f"for figures, else the densest. {BAND} The paper's Figure 7 has six of the nine measures."
    )


@figure("figure7", caption=caption)
def figure7(context: Context) -> "Figure":
    """Return the figure: for each task as many rows of panels as its measures need."""
    panels = {task: measures_shown(context, task) for task in context.tasks}
    rows = {task: -(-len(names) // COLUMNS) for task, names in panels.items()}
    columns = min(COLUMNS, max(len(names) for names in panels.values()))
    recipes = all_shown(context)
    figure, axes = new_figure(
        sum(rows.values()),
        columns,
        height=1.7,
        legend_rows=4 + len(recipes) // 4,
        share_x=False,
        width=FULL,
    )
    start, firsts = 0, []
    for task, names in panels.items():
        places = [place for line in axes[start : start + rows[task]] for place in line]
        for place, name in zip(places, names, strict=False):
            _draw(place, context, task, name, head=f"{task}: " if len(panels) > 1 else "")
        for place in places[len(names) :]:
            place.remove()
        firsts.append(places[0])
        start += rows[task]
    text = [*(_where(context, task) for task in panels), BAND, not_drawn(context)]
    add_legend(figure, firsts, remark(context, text, characters=125), columns=4)
    return figure


def measures_shown(context: Context, task: str) -> list[str]:
    """Return the measures of a task that have curves, its metric at least."""
    curves = context.curves
    drawn = set(curves.loc[curves["task"] == task, "name"].unique())
    names = [m for m in measures_of(context, task) if m in drawn and not m.endswith("_top5")]
    return names or [context.metric(task)[0]]


def _where(context: Context, task: str) -> str:
    return f"{task} at {target_label(target)}." if (target := _target(context, task)) else ""


def _target(context: Context, task: str) -> str:
    return next(iter(chosen_targets(context, task)), "")


def _draw(axes: "Axes", context: Context, task: str, measure: str, *, head: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    values = partial(_values, context, task, measure=measure)
    for recipe in shown_recipes(context, task):
        draw_band(axes, values(recipe), look=styles[recipe], label=context.label(recipe))
    dress(axes, head + measure_heading(measure), log=False)
    axes.set_xlabel("step")


def _values(context: Context, task: str, recipe: str, *, measure: str) -> pd.DataFrame:
    return by_seed(context, task, recipe, _target(context, task), measure)
