"""Figures of curves: one panel per statistic, a group of panels per task."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_lowercase
from typing import TYPE_CHECKING

import pandas as pd

from pgf.figures.series import (
    BAND,
    all_shown,
    by_seed,
    draw_band,
    remark,
    shown_recipes,
    shown_target,
)
from pgf.figures.style import add_legend, looks, new_figure
from pgf.tables.context import Context, target_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = Callable[[Context, str, str, str], pd.DataFrame]
"""(context, task, recipe, target) -> steps down, seeds across."""


@dataclass(frozen=True)
class Panel:
    """One statistic over training."""

    title: str
    values: Values
    log: bool = False


def statistic(name: str) -> Values:
    """Return what reads a statistic of the curves as it is."""

    def values(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
        return by_seed(context, task, recipe, target, name)

    return values


def draw_panels(
    context: Context, panels: Sequence[Panel], *, columns: int, height: float, text: str = BAND
) -> "Figure":
    """Return a figure with a group of panels for each task, at its target nearest 1:16."""
    tasks = [task for task in context.tasks if shown_target(context, task)]
    rows = -(-len(panels) // columns)
    shown = all_shown(context)
    figure, axes = new_figure(
        max(1, rows * len(tasks)), columns, height=height, legend_rows=3 + len(shown) // 2
    )
    styles = looks([name for name, _ in context.recipes])
    for i, task in enumerate(tasks):
        target = shown_target(context, task) or ""
        for j, panel in enumerate(panels):
            place = axes[i * rows + j // columns][j % columns]
            for recipe in shown_recipes(context, task):
                values = panel.values(context, task, recipe, target)
                draw_band(place, values, look=styles[recipe], label=context.label(recipe))
            several = f"{task}, " if len(tasks) > 1 else ""
            where = (
                f"\n{several}{target_label(target)}" if j == 0 else ("\n" if columns > 1 else "")
            )
            _dress(place, f"({ascii_lowercase[j]}) {panel.title}{where}", log=panel.log)
        for place in axes[(i + 1) * rows - 1]:
            place.set_xlabel("step")
    if tasks:
        add_legend(figure, axes[0][0], remark(context, [text]))
    return figure


def _dress(axes: "Axes", title: str, *, log: bool) -> None:
    axes.set_title(title, loc="left")
    positive = any((line.get_ydata() > 0).any() for line in axes.get_lines())  # type: ignore[operator, union-attr]
    if log and positive:
        axes.set_yscale("log")
