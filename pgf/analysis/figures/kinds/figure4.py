"""The metric against sparsity, and at equal FLOPs and equal epochs: after the paper's Fig. 4."""

from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import (
    HOLLOW,
    Scale,
    by_flops,
    by_share,
    density,
    draw_evaluations,
    evaluations,
    evaluations_only,
    name_metric,
    sparsity_order,
    zoom,
)
from pgf.analysis.figures.series import (
    BAND,
    all_shown,
    not_drawn,
    remark,
    shown_recipes,
    shown_target,
)
from pgf.analysis.figures.style import (
    Look,
    add_legend,
    legend_columns,
    looks,
    new_groups,
    say_missing,
    slant,
)
from pgf.analysis.statistics import mean_interval
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.recorded import INFERENCE, INFERENCE_DENSE, of_target, of_task
from pgf.analysis.tables.scores import scores_of
from pgf.analysis.tables.wording import percent
from pgf.recipes import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRAY = "#555555"
SPREAD = 0.45
"""Width over which the recipes of one target stand beside each other; neighbors are 1 apart."""
CROWDED = 4
"""Targets whose ratios fit below the axis side by side."""


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    where = "; ".join(
        f"{task} at {target_label(target)}"
        for task in context.tasks
        if (target := shown_target(context, task))
    )
    return (
        "(a) The metric after the last step against the sparsity ratio, 1 - N/M, on an axis "
        "that is logarithmic in N/M: mean and "
        f"{percent(context.analysis)} t interval, recipes moved sideways so that they can be "
        "told apart. Right axis, dotted: FLOPs of one sample's dense forward pass over those at "
        "the target. (b), (c) The metric at the evaluations of a run, always at the strict "
        f"target ({where or 'no sparse run'}), against (b) the training FLOPs so far, over the "
        "total of a dense run of the same length, and (c) the share of the steps so far; the axis "
        "spans the means of the second half of training. The learning rate of every run comes "
        "down at its own last step, so a point before a run's end is not what a shorter run would "
        "give."
    )


@figure("figure4", caption=caption)
def figure4(context: Context) -> "Figure":
    """Return the figure: three panels per task."""
    context = evaluations_only(context)
    tasks = context.tasks
    figure, groups = new_groups(tasks, 3, height=1.75, entries=len(all_shown(context)) + 4)
    for (above, left, right), task in zip(groups, tasks, strict=True):
        name = f"{task}\n" if len(tasks) > 1 else ""
        _draw_sparsity(above, context, task)
        above.set_title(f"{name}(a) after the last step", loc="left")
        target = shown_target(context, task) or ""
        where = target_label(target) if target else "dense"
        _draw_flops(left, context, task, target)
        left.set_title(f"(b) at equal training FLOPs, {where}", loc="left")
        _draw_share(right, context, task, target)
        right.set_title(f"(c) at equal epochs, {where}", loc="left")
        for place in (above, left, right):
            name_metric(place, context, task)
    head = [f"{tasks[0]}."] if len(tasks) == 1 else []
    intervals = f"(a): mean and {percent(context.analysis)} t interval. (b), (c): {BAND}"
    text = [*head, intervals, HOLLOW, not_drawn(context)]
    columns = legend_columns(tasks)
    said = remark(context, text, characters=31 * columns)
    add_legend(figure, (group[2] for group in groups), said, columns=columns)
    return figure


def shown_targets(context: Context, task: str) -> list[str]:
    """Return the targets that prune the same layer groups as the shown one, densest first."""
    shown = shown_target(context, task)
    wanted = _groups(shown) if shown else ()
    return sparsity_order([t for t in context.targets_of(task) if _groups(t) == wanted])


def _groups(target: str) -> tuple[str, ...]:
    return tuple(group for group, _ in Target.parse(target).parts)


def _draw_sparsity(axes: "Axes", context: Context, task: str) -> None:
    targets = shown_targets(context, task)
    scores = scores_of(context, task)
    styles = looks([name for name, _ in context.recipes])
    positions = np.array([-np.log2(density(target)) for target in targets])
    spread = SPREAD * float(np.diff(positions).min(initial=9.0)) if len(positions) > 1 else SPREAD
    confidence = context.analysis.confidence
    for recipe in context.dense_recipes(task):
        level = mean_interval(scores.of(recipe, "").to_numpy(), confidence=confidence)
        color = styles[recipe].color
        axes.axhline(level.estimate, color=color, linewidth=0.8)
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
        )
    _dress_sparsity(axes, targets, positions, spread)
    _draw_reduction(axes, context, task, targets, positions)


def _dress_sparsity(axes: "Axes", targets: list[str], positions: np.ndarray, spread: float) -> None:
    ratios = [f"{100 * (1 - density(target)):.4g}%" for target in targets]
    axes.set_xticks(positions, ratios)
    axes.set_xlabel("sparsity ratio")
    if len(targets) > CROWDED:
        slant(axes)
    if targets:
        axes.set_xlim(positions[0] - spread, positions[-1] + spread)


def _draw_reduction(
    axes: "Axes", context: Context, task: str, targets: list[str], positions: np.ndarray
) -> None:
    whole = of_task(context, task, INFERENCE_DENSE)
    reduction = [whole / of_target(context, task, target, INFERENCE) for target in targets]
    if not np.isfinite(reduction).any():
        text = "The runs record no\ninference FLOPs."
        axes.text(1.02, 0.5, text, transform=axes.transAxes, rotation=90, va="center")
        return
    right = axes.twinx()
    right.plot(positions, reduction, color=GRAY, linestyle=":", marker=".")
    right.set_ylabel("inference FLOPs,\ndense / target", color=GRAY)
    right.tick_params(axis="y", colors=GRAY)
    right.spines["right"].set(visible=True, color=GRAY)
    right.grid(visible=False)


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
