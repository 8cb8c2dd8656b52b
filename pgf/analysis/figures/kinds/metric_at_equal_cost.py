"""The metric at equal training FLOPs and at equal epochs, after the paper's Fig. 4(b)."""

from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import (
    HOLLOW,
    Scale,
    by_flops,
    by_share,
    draw_evaluations,
    evaluations,
    name_metric,
    zoom,
)
from pgf.analysis.figures.series import BAND, named, not_drawn, remark, shown_recipes, shown_target
from pgf.analysis.figures.style import (
    FULL,
    LEGEND,
    Look,
    add_legend,
    looks,
    new_figure,
    say_missing,
)
from pgf.analysis.tables.context import Context, target_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    where = "; ".join(
        f"{task} at {target_label(target)}"
        for task in context.tasks
        if (target := shown_target(context, task))
    )
    return (
        "The metric at the evaluations of a run, always at the strict "
        f"target ({where or 'no sparse run'}), against (a) the training FLOPs so far, over the "
        "total of a dense run of the same length, and (b) the share of the steps so far; the axis "
        "spans the means of the second half of training. The learning rate of every run comes "
        "down at its own last step, so a point before a run's end is not what a shorter run would "
        "give."
    )


@figure(
    "metric_at_equal_cost",
    title="{metric} at equal training FLOPs and at equal epochs",
    caption=caption,
    paper="4(b)",
)
def metric_at_equal_cost(context: Context) -> "Figure":
    """Return the figure: two panels beside each other."""
    (task,) = context.tasks
    target = shown_target(context, task) or ""
    rows = 4 + len(shown_recipes(context, task)) // LEGEND
    figure, axes = new_figure(1, 2, height=2.0, legend_rows=rows, share_x=False, width=FULL)
    left, right = axes[0]
    _draw_flops(left, context, task, target)
    left.set_title("(a) at equal training FLOPs", loc="left")
    _draw_share(right, context, task, target)
    right.set_title("(b) at equal epochs", loc="left")
    for place in (left, right):
        name_metric(place, context, task)
    add_legend(figure, [right], remark(context, [named(target), BAND, HOLLOW, not_drawn(context)]))
    return figure


def _draw_flops(axes: "Axes", context: Context, task: str, target: str) -> None:
    drawn = 0
    for recipe, look in _shown(context, task):
        scale = by_flops(context, task, recipe, target)
        drawn += _draw(axes, context, (task, recipe, target), scale, look)
    if not drawn:
        say_missing(axes, "The runs record no training FLOPs at their evaluations.")
        return
    zoom(axes, context, task, target)
    axes.set_xlabel("training FLOPs so far, % of a dense run's")


def _draw_share(axes: "Axes", context: Context, task: str, target: str) -> None:
    scale, name = by_share(context, task)
    for recipe, look in _shown(context, task):
        _draw(axes, context, (task, recipe, target), scale, look)
    zoom(axes, context, task, target)
    axes.set_xlabel(name)


def _shown(context: Context, task: str) -> list[tuple[str, Look]]:
    styles = looks([name for name, _ in context.recipes])
    return [(recipe, styles[recipe]) for recipe in shown_recipes(context, task)]


def _draw(
    axes: "Axes", context: Context, cell: tuple[str, str, str], scale: Scale, look: Look
) -> bool:
    """Draw a recipe's evaluations; return whether there was anything to draw."""
    found = evaluations(context, *cell)
    draw_evaluations(axes, found, scale=scale, look=look, label=context.label(cell[1]))
    return bool(np.isfinite(scale(found.values.index)).any())
