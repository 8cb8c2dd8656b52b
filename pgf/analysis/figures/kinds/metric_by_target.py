"""The figure of the metric after the last step: a row for each recipe, a panel for each target."""

from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import name_metric
from pgf.analysis.figures.series import remark
from pgf.analysis.figures.style import FULL, WIDTH, add_legend, looks, new_figure
from pgf.analysis.statistics import mean_interval
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.scores import scores_of
from pgf.analysis.tables.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 3
"""Panels beside each other."""
ROW = 0.14
"""Inches of a recipe."""
FEW = 15
"""Recipes up to which a figure of half a page is not taller than wide."""


def caption(context: Context) -> str:
    """Return the caption."""
    return (
        f"The metric after the last step: mean and {percent(context.analysis)} t interval over "
        "seeds, every recipe at every target; the line and the band down each panel are the dense "
        "runs'. Every panel has an axis of its own. Whether two recipes differ is judged by pairs "
        "of seeds in the table of differences, not by whether intervals overlap."
    )


@figure("metric_by_target", title="{metric} after the last step, by target", caption=caption)
def metric_by_target(context: Context) -> "Figure":
    """Return the figure."""
    (task,) = context.tasks
    targets = context.targets_of(task) or (DENSE,)
    recipes = context.columns_of(task)
    columns = min(MOST, len(targets))
    wide = columns > 1 or len(recipes) > FEW
    figure, axes = new_figure(
        -(-len(targets) // columns),
        columns,
        height=0.45 + ROW * max(4, len(recipes)),
        legend_rows=3,
        share_x=False,
        width=FULL if wide else WIDTH,
    )
    places = [place for line in axes for place in line]
    for i, (place, target) in enumerate(zip(places, targets, strict=False)):
        _draw(place, context, target)
        place.set_title("" if target == DENSE else target_label(target), loc="left")
        place.tick_params(labelleft=i % columns == 0)
    for place in places[len(targets) :]:
        place.remove()
    text = f"Mean and {percent(context.analysis)} t interval over seeds; line and band: dense."
    add_legend(figure, (), remark(context, [text], characters=125 if wide else 62))
    return figure


def _draw(axes: "Axes", context: Context, target: str) -> None:
    (task,) = context.tasks
    recipes, dense = context.columns_of(task), context.dense_recipes(task)
    styles, scores = looks([name for name, _ in context.recipes]), scores_of(context, task)
    for i, recipe in enumerate(recipes):
        values = scores.of(recipe, "" if recipe in dense else target).to_numpy()
        interval = mean_interval(values, confidence=context.analysis.confidence)
        look = styles[recipe]
        axes.errorbar(
            [interval.estimate],
            [i],
            xerr=np.nan_to_num([interval.half_width]),
            color=look.color,
            marker=look.marker,
            linestyle="none",
            elinewidth=0.9,
            label=context.label(recipe),
        )
        if recipe in dense and interval.n:
            axes.axvline(interval.estimate, color=look.color, linewidth=0.6)
            if interval.n > 1:
                axes.axvspan(interval.low, interval.high, color=look.color, alpha=0.1, linewidth=0)
    axes.set_yticks(range(len(recipes)), [context.label(recipe) for recipe in recipes])
    axes.set_ylim(len(recipes) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    name_metric(axes, context, task, axis="x")
