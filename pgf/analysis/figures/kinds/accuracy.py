"""The figure of the metric after the last step against the target, after the paper's Fig. 4(a)."""

from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import name_metric
from pgf.analysis.figures.series import remark
from pgf.analysis.figures.style import add_legend, legend_columns, looks, new_groups, slant
from pgf.analysis.statistics import mean_interval
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.scores import Scores, scores_of
from pgf.analysis.tables.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPREAD = 0.7
"""Width over which the recipes of one target stand beside each other; targets are 1 apart."""

CHARACTERS = 50
"""Characters of labels that fit below the axis side by side."""


def caption(context: Context) -> str:
    """Return the caption."""
    return (
        f"The metric after the last step: mean and {percent(context.analysis)} t interval over "
        "seeds, every recipe at every target; the line and the band across are the dense runs'. "
        "Whether two recipes differ is judged by pairs of seeds in the table of differences, not "
        "by whether intervals overlap."
    )


@figure("accuracy", caption=caption)
def accuracy(context: Context) -> "Figure":
    """Return the figure: a panel per task, means with intervals, dense as a band."""
    figure, groups = new_groups(context.tasks, 1, height=2.3, entries=len(context.recipes))
    for (axes,), task in zip(groups, context.tasks, strict=True):
        _draw(axes, context, task)
    text = f"Mean and {percent(context.analysis)} t interval over seeds."
    columns = legend_columns(context.tasks)
    said = remark(context, [text], characters=31 * columns)
    add_legend(figure, (group[0] for group in groups), said, columns=columns)
    return figure


def _draw(axes: "Axes", context: Context, task: str) -> None:
    scores = scores_of(context, task)
    targets = context.targets_of(task)
    styles = looks([name for name, _ in context.recipes])
    for recipe in context.dense_recipes(task):
        _draw_dense(axes, context, scores, recipe, styles[recipe].color)
    sparse = context.sparse_recipes(task)
    for i, recipe in enumerate(sparse):
        intervals = [
            mean_interval(
                scores.of(recipe, target).to_numpy(), confidence=context.analysis.confidence
            )
            for target in targets
        ]
        look = styles[recipe]
        axes.errorbar(
            np.arange(len(targets)) + SPREAD * ((i + 0.5) / len(sparse) - 0.5),
            [interval.estimate for interval in intervals],
            yerr=np.nan_to_num([interval.half_width for interval in intervals]),
            color=look.color,
            marker=look.marker,
            linestyle="none",
            elinewidth=0.9,
            label=context.label(recipe),
        )
    labels = [target_label(target) for target in targets]
    axes.set_xticks(range(len(labels)), labels)
    if max(map(len, labels), default=0) * len(labels) > CHARACTERS:
        slant(axes)
    axes.grid(visible=False, axis="x")
    for boundary in range(1, len(targets)):
        axes.axvline(boundary - 0.5, color="#dddddd", linewidth=0.4)
    name_metric(axes, context, task, behind=" after the last step")
    axes.set_title(task, loc="left")


def _draw_dense(axes: "Axes", context: Context, scores: Scores, recipe: str, color: str) -> None:
    values = scores.of(recipe, "").to_numpy()
    interval = mean_interval(values, confidence=context.analysis.confidence)
    if not interval.n:
        return
    axes.axhline(interval.estimate, color=color, linewidth=0.9, label=context.label(recipe))
    if interval.n > 1:
        axes.axhspan(interval.low, interval.high, color=color, alpha=0.12, linewidth=0)
