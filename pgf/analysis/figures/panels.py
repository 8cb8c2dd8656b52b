"""Figures of curves: one panel per statistic."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pgf.analysis.figures.series import (
    BAND,
    all_of,
    draw_band,
    named,
    not_drawn,
    remark,
    shown_target,
    with_statistics,
)
from pgf.analysis.figures.style import FULL, LEGEND, add_legend, looks, new_figure
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.recorded import longest_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = Callable[[Context, str, str, str], pd.DataFrame]
"""(context, task, recipe, target) -> steps down, seeds across."""
Painter = Callable[["Axes"], None]
"""A function that draws one panel."""


@dataclass(frozen=True)
class Panel:
    """One statistic over training."""

    title: str
    values: Values
    log: bool = False


def statistic(name: str) -> Values:
    """Return the function that reads a statistic of the curves as it is."""

    def values(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
        return by_seed(context, task, recipe, target, name)

    return values


def draw_panels(
    context: Context,
    panels: Sequence[Panel],
    *,
    columns: int,
    height: float,
    text: str = BAND,
    below: Sequence[Painter] = (),
) -> "Figure":
    """Return a figure, a page wide, of the panels of a task at its target nearest 1:16.

    Args:
        context: the runs and curves of one task.
        panels: the panels.
        columns: panels beside each other.
        height: inches of a row.
        text: how to read the figure.
        below: functions that draw the panels of one more row.
    """
    (task,), shown = context.tasks, all_of(context, with_statistics)
    target = shown_target(context, task) or ""
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(
        rows + bool(below),
        columns,
        height=height,
        legend_rows=3 + len(shown) // LEGEND,
        share_x=not below,
        width=FULL,
    )
    places = [place for line in axes[:rows] for place in line]
    for letter, panel, place in zip(ascii_lowercase, panels, places, strict=False):
        _draw_panel(place, context, panel, target)
        dress(place, f"({letter}) {panel.title}", log=panel.log)
    for place in axes[rows - 1]:
        place.set_xlabel("step")
    for place, paint in zip(axes[-1], below, strict=False):
        paint(place)
    add_legend(
        figure, axes[0], remark(context, [named(target), text, not_drawn(context, with_statistics)])
    )
    return figure


def _draw_panel(axes: "Axes", context: Context, panel: Panel, target: str) -> None:
    (task,) = context.tasks
    styles = looks([name for name, _ in context.recipes])
    recipes = with_statistics(context, task)
    for recipe in recipes:
        values = panel.values(context, task, recipe, target)
        draw_band(axes, values, look=styles[recipe], label=context.label(recipe))
    if np.isfinite(steps := longest_of(context, task, recipes)):
        axes.set_xlim(0, steps)


def dress(axes: "Axes", title: str, *, log: bool) -> None:
    """Give a panel of curves its title and axes that fit what is drawn."""
    from matplotlib.ticker import MaxNLocator, NullFormatter

    axes.set_title(title, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    drawn = [np.asarray(line.get_ydata(), dtype=np.float64) for line in axes.get_lines()]
    values = np.concatenate([np.empty(0), *drawn])
    positive = values[values > 0]
    # A logarithmic axis cannot show a single value, nor none.
    if log and positive.size and positive.max() > 1.01 * positive.min():
        axes.set_yscale("log")
        # Left to itself such an axis labels every minor tick, or none.
        axes.yaxis.set_minor_formatter(_two_and_five if _few_decades(axes) else NullFormatter())
    elif values.size:
        _name_exponent(axes)


def _name_exponent(axes: "Axes") -> None:
    """Say the power of ten of small or large values beside the axis.

    Left to itself it stands above the axis and moves the title away from its neighbors'.
    """
    largest = max(map(abs, axes.get_ylim()))
    exponent = math.floor(math.log10(largest)) if largest > 0 else 0
    if -3 < exponent < 4:
        return
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / 10.0**exponent:.4g}")
    axes.set_ylabel(rf"in $10^{{{exponent}}}$")


def _few_decades(axes: "Axes") -> bool:
    low, high = axes.get_ylim()
    return high < 30 * low


def _two_and_five(value: float, position: float) -> str:
    """Label a minor tick of a logarithmic axis where there are hardly any major ones."""
    del position
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = round(value / 10**exponent)
    return rf"${mantissa}\times10^{{{exponent}}}$" if mantissa in (2, 5) else ""
