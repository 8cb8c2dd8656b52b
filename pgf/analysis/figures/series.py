"""Choice and drawing of curves over seeds: recipes, targets, bands and remarks."""

import textwrap
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures.style import Look
from pgf.analysis.tables.context import COMPLETE, Context, target_label
from pgf.analysis.tables.lengths import DOUBLED
from pgf.analysis.tables.phases import nearest_target
from pgf.analysis.tables.recorded import narrows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEFT_OUT = ("ste", "removed", "one_shot")
"""Columns that figures of curves leave out, as they do dense training of twice the length: a floor
and near doubles. More curves could not be read."""

Choice = Callable[[Context, str], tuple[str, ...]]
"""(context, task) -> the recipes that a figure shows."""

MOST = 10
"""Curves of a panel."""

MOST_MARKERS = 24
"""Markers along one curve."""

BAND = "Line: mean over seeds; band: smallest to largest."


def shown_recipes(context: Context, task: str) -> tuple[str, ...]:
    """Return the recipes whose curves are shown, in the order of the columns."""
    return _wanted(context, task)[:MOST]


def _wanted(context: Context, task: str) -> tuple[str, ...]:
    """Return the columns whose curves are worth a look, however many."""
    columns, doubled = context.columns_of(task), context.column_of(task, DOUBLED)
    wanted = tuple(name for name in columns if name not in (*LEFT_OUT, doubled))
    sparse = set(wanted) & set(context.sparse_recipes(task))
    return wanted if sparse else columns


def with_statistics(context: Context, task: str) -> tuple[str, ...]:
    """Return the shown recipes that have gradient statistics: a narrower model has none."""
    there = (r for r in _wanted(context, task) if not narrows(context, task, r))
    return tuple(there)[:MOST]


def all_of(context: Context, choice: Choice = shown_recipes) -> tuple[str, ...]:
    """Return the recipes chosen for any task, each once."""
    chosen = (name for task in context.tasks for name in choice(context, task))
    return tuple(dict.fromkeys(chosen))


def shown_target(context: Context, task: str) -> str | None:
    """Return the target whose curves are shown: the one nearest the paper's 1:16."""
    return nearest_target(context.targets_of(task))


def named(target: str | None) -> str:
    """Return the name of a target as a sentence; empty without one."""
    return f"{target_label(target)}." if target else ""


def running_mean(values: pd.DataFrame) -> pd.DataFrame:
    """Return the mean of all samples up to each step, per seed."""
    return values.expanding().mean()


def draw_band(
    axes: "Axes", values: pd.DataFrame, *, look: Look, label: str, markers: bool = False
) -> None:
    """Draw the mean over seeds and the band from the smallest to the largest."""
    # Without samples the label still enters the legend, which serves all panels.
    mean = values.mean(axis="columns")
    steps = values.index.to_numpy()
    axes.plot(
        steps,
        mean.to_numpy(),
        color=look.color,
        linestyle=look.line,
        marker=look.marker if markers or len(steps) == 1 else None,
        markevery=every_shown(len(steps)),
        linewidth=0.7 if look.front else None,
        zorder=3 if look.front else 2,
        label=label,
    )
    if values.shape[1] > 1:
        low, high = values.min(axis="columns"), values.max(axis="columns")
        axes.fill_between(
            steps, low.to_numpy(), high.to_numpy(), color=look.color, alpha=0.13, linewidth=0
        )


def every_shown(count: int) -> slice:
    """Return which of many points carry a marker, the last one among them."""
    every = max(1, -(-count // MOST_MARKERS))
    return slice((count - 1) % every if count else 0, None, every)


def not_drawn(context: Context, choice: Choice = shown_recipes) -> str:
    """Return which recipes a figure of curves leaves out; empty if none."""
    shown = all_of(context, choice)
    present = {name for task in context.tasks for name in context.columns_of(task)}
    hidden = [label for name, label in context.recipes if name in present and name not in shown]
    return f"Not drawn: {', '.join(hidden)}." if hidden else ""


def remark(context: Context, texts: Iterable[str] = (), *, characters: int = 125) -> str:
    """Return what stands above the legend: how to read it, and what was left out.

    Args:
        context: the runs.
        texts: how to read the figure.
        characters: the length of a line; the default fits a figure that is a page wide.
    """
    runs = context.runs
    parts = list(texts)
    if diverged := int((runs["status"] != COMPLETE).sum()):
        parts.append(f"{diverged} diverged run{'s' if diverged > 1 else ''} left out.")
    if "mixed" in runs and runs["mixed"].astype(bool).any():
        parts.append("Runs of different code or settings.")
    return textwrap.fill(" ".join(filter(None, parts)), characters, break_on_hyphens=False)
