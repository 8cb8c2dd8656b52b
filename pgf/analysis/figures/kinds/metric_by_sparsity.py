"""The metric after the last step against the sparsity ratio, after the paper's Fig. 4(a)."""

from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import density, name_metric, sparsity_order
from pgf.analysis.figures.series import not_drawn, remark, shown_recipes, shown_target
from pgf.analysis.figures.style import WIDTH, add_legend, looks, new_figure, slant
from pgf.analysis.statistics import mean_interval
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.recorded import INFERENCE, INFERENCE_DENSE, of_target, of_task
from pgf.analysis.tables.scores import scores_of
from pgf.analysis.tables.wording import percent
from pgf.recipes import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SPREAD = 0.45
"""Width over which the recipes of one target stand beside each other; neighbors are 1 apart."""
CROWDED = 6
"""Targets whose ratios fit below the axis side by side."""


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    return (
        "The metric after the last step against the sparsity ratio, 1 - N/M, on an axis "
        "that is logarithmic in N/M: mean and "
        f"{percent(context.analysis)} t interval, recipes moved sideways so that they can be "
        "told apart; the band across is the dense runs'. Below each ratio: FLOPs of one sample's "
        "dense forward pass over those at the target."
    )


@figure(
    "metric_by_sparsity",
    title="{metric} after the last step, by sparsity",
    caption=caption,
    paper="4(a)",
)
def metric_by_sparsity(context: Context) -> "Figure":
    """Return the figure, half a page wide."""
    (task,) = context.tasks
    rows = 4 + len(shown_recipes(context, task)) // 2
    figure, axes = new_figure(1, 1, height=1.55, legend_rows=rows, width=WIDTH)
    _draw(axes[0][0], context, task)
    name_metric(axes[0][0], context, task)
    text = f"Mean and {percent(context.analysis)} t interval over seeds."
    said = remark(context, [text, not_drawn(context)], characters=62)
    add_legend(figure, axes[0], said, columns=2)
    return figure


def shown_targets(context: Context, task: str) -> list[str]:
    """Return the targets that prune the same layer groups as the shown one, densest first."""
    shown = shown_target(context, task)
    wanted = _groups(shown) if shown else ()
    return sparsity_order([t for t in context.targets_of(task) if _groups(t) == wanted])


def _groups(target: str) -> tuple[str, ...]:
    return tuple(group for group, _ in Target.parse(target).parts)


def _draw(axes: "Axes", context: Context, task: str) -> None:
    targets = shown_targets(context, task)
    scores = scores_of(context, task)
    styles = looks([name for name, _ in context.recipes])
    positions = np.array([-np.log2(density(target)) for target in targets])
    spread = SPREAD * float(np.diff(positions).min(initial=9.0)) if len(positions) > 1 else SPREAD
    confidence = context.analysis.confidence
    for recipe in context.dense_recipes(task):
        level = mean_interval(scores.of(recipe, "").to_numpy(), confidence=confidence)
        color = styles[recipe].color
        axes.axhline(level.estimate, color=color, linewidth=0.8, label=context.label(recipe))
        if level.n > 1:
            axes.axhspan(level.low, level.high, color=color, alpha=0.1, linewidth=0)
    sparse = [r for r in shown_recipes(context, task) if r in context.sparse_recipes(task)]
    for i, recipe in enumerate(sparse):
        found = [
            mean_interval(scores.of(recipe, t).to_numpy(), confidence=confidence) for t in targets
        ]
        look = styles[recipe]
        axes.errorbar(
            positions + spread * ((i + 0.5) / len(sparse) - 0.5),
            [interval.estimate for interval in found],
            yerr=np.nan_to_num([interval.half_width for interval in found]),
            color=look.color,
            linestyle=look.line,
            marker=look.marker,
            elinewidth=0.6,
            label=context.label(recipe),
        )
    _dress(axes, context, task, targets, positions)
    if targets:
        axes.set_xlim(positions[0] - spread, positions[-1] + spread)


def _dress(
    axes: "Axes", context: Context, task: str, targets: list[str], positions: np.ndarray
) -> None:
    """Label the axis by ratios and, where the runs record them, by how many FLOPs these spare."""
    whole = of_task(context, task, INFERENCE_DENSE)
    reductions = [whole / of_target(context, task, target, INFERENCE) for target in targets]
    known = bool(np.isfinite(reductions).any()) or not targets
    labels = [
        f"{100 * (1 - density(target)):.4g}%" + (f"\n{less:.3g}x" if np.isfinite(less) else "")
        for target, less in zip(targets, reductions, strict=True)
    ]
    axes.set_xticks(positions, labels)
    below = "; below: inference FLOPs, dense / target" if known else ", no inference FLOPs known"
    axes.set_xlabel(f"sparsity ratio{below}")
    if len(targets) > CROWDED:
        slant(axes)
