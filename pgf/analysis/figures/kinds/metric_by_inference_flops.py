"""The metric against the FLOPs of inference, after the paper's Fig. 5."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import name_metric
from pgf.analysis.figures.series import remark
from pgf.analysis.figures.style import (
    FULL,
    LEGEND,
    add_legend,
    looks,
    new_figure,
    say_missing,
    slant,
)
from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.recorded import INFERENCE, of_target
from pgf.analysis.tables.scores import scores_of
from pgf.analysis.tables.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRAY = "#888888"
SIDEWAYS = 0.1
"""Largest width, of the axis, over which the recipes of one target stand beside each other."""
CHARACTER = 0.01
"""Width, of the axis, of a character below it."""


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    return (
        "The metric after the last step against the FLOPs (2 per multiply-accumulate) of one "
        "sample's forward pass, where layers pruned to N:M cost N/M: every recipe at every "
        f"target, mean and {percent(context.analysis)} t interval, on a logarithmic axis of FLOPs. "
        "Recipes of one target cost the same and are moved sideways so that they can be told "
        "apart; the gray line stands at their true cost. It joins the means that no other mean "
        "reaches with as few FLOPs (the Pareto front), as steps, since nothing between two "
        "targets was trained. Its corners are the best of several means and so lean to the "
        "optimistic side."
    )


@dataclass(frozen=True)
class Point:
    """One recipe at one target."""

    recipe: str
    target: str
    flops: float
    interval: Interval


@figure(
    "metric_by_inference_flops",
    title="{metric} after the last step, by FLOPs of inference",
    caption=caption,
    paper="5",
)
def metric_by_inference_flops(context: Context) -> "Figure":
    """Return the figure."""
    (task,) = context.tasks
    rows = 4 + len(context.columns_of(task)) // LEGEND
    figure, axes = new_figure(1, 1, height=2.5, legend_rows=rows, width=FULL)
    _draw(axes[0][0], context, task)
    text = (
        f"Mean and {percent(context.analysis)} t interval over seeds, recipes of one target moved "
        "sideways. Gray line: Pareto front of the means."
    )
    add_legend(figure, axes[0], remark(context, [text]))
    return figure


def pareto(points: Sequence[tuple[float, float]], *, higher_is_better: bool) -> list[int]:
    """Return which (cost, value) points no other point dominates, by increasing cost.

    A point dominates another when it costs no more and is no worse, and one of the two is better.
    Of equal points the first stands for all.
    """
    sign = 1.0 if higher_is_better else -1.0
    order = sorted(range(len(points)), key=lambda i: (points[i][0], -sign * points[i][1], i))
    front: list[int] = []
    for i in order:
        if not front or sign * points[i][1] > sign * points[front[-1]][1]:
            front.append(i)
    return front


def points_of(context: Context, task: str) -> list[Point]:
    """Return every cell that has both a metric and inference FLOPs."""
    scores = scores_of(context, task)
    targets = (DENSE, *context.targets_of(task))
    dense = context.dense_recipes(task)
    found = [
        Point(
            recipe,
            target,
            of_target(context, task, target, INFERENCE),
            mean_interval(
                scores.of(recipe, target).to_numpy(), confidence=context.analysis.confidence
            ),
        )
        for recipe in context.columns_of(task)
        for target in targets
        if (target == DENSE) == (recipe in dense)
    ]
    return [point for point in found if point.interval.n and np.isfinite(point.flops)]


def _draw(axes: "Axes", context: Context, task: str) -> None:
    points = points_of(context, task)
    recipes = context.columns_of(task)
    styles = looks([name for name, _ in context.recipes])
    sparse = [recipe for recipe in recipes if recipe not in context.dense_recipes(task)]
    widths = _widths([point.flops for point in points])
    for recipe in recipes:
        mine = [point for point in points if point.recipe == recipe]
        part = (sparse.index(recipe) + 0.5) / len(sparse) - 0.5 if recipe in sparse else 0.0
        axes.errorbar(
            [point.flops * 2 ** (part * widths[point.flops]) for point in mine],
            [point.interval.estimate for point in mine],
            yerr=np.nan_to_num([point.interval.half_width for point in mine]),
            color=styles[recipe].color,
            marker=styles[recipe].marker,
            linestyle="none",
            elinewidth=0.8,
            label=context.label(recipe),
        )
    if not points:
        say_missing(axes, "The runs record no inference FLOPs.")
        return
    _, higher = context.metric(task)
    _draw_front(axes, points, higher_is_better=higher)
    name_metric(axes, context, task)
    _dress_costs(axes, points)


def _draw_front(axes: "Axes", points: Sequence[Point], *, higher_is_better: bool) -> None:
    pairs = [(point.flops, point.interval.estimate) for point in points]
    front = [pairs[i] for i in pareto(pairs, higher_is_better=higher_is_better)]
    axes.plot(
        [flops for flops, _ in front],
        [value for _, value in front],
        color=GRAY,
        linewidth=0.8,
        drawstyle="steps-post",
        zorder=1,
    )


def _dress_costs(axes: "Axes", points: Sequence[Point]) -> None:
    """Label the axis, logarithmic, at the costs there are, each with its targets."""
    from matplotlib.ticker import NullLocator

    unit, name = _unit([point.flops for point in points])
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    targets: dict[float, list[str]] = {}
    for point in points:
        texts = targets.setdefault(point.flops, [])
        texts += [target_label(point.target)] if target_label(point.target) not in texts else []
    costs = sorted(targets)
    labels = [f"{', '.join(targets[cost])}\n{cost / unit:.3g}" for cost in costs]
    axes.set_xticks(costs, labels)
    gaps = np.diff(np.log2(costs))
    widest = CHARACTER * max(len(line) for label in labels for line in label.split("\n"))
    if gaps.size and gaps.min() < widest * np.log2(costs[-1] / costs[0]):
        axes.set_xticks(costs, [label.replace("\n", ", ") for label in labels])
        slant(axes)
    axes.set_xlabel(f"inference, {name} per sample")


def _widths(flops: Sequence[float]) -> dict[float, float]:
    """Return over how many doublings the recipes of a cost stand: fewer than to the next cost."""
    costs = np.unique(flops)
    if costs.size < 2:
        return dict.fromkeys(costs.tolist(), SIDEWAYS)
    gaps = np.diff(np.log2(costs))
    nearest = np.minimum(np.append(gaps, np.inf), np.append(np.inf, gaps))
    widths = np.minimum(SIDEWAYS * gaps.sum(), 0.8 * nearest)
    return dict(zip(costs.tolist(), widths.tolist(), strict=True))


def _unit(flops: Sequence[float]) -> tuple[float, str]:
    """Return the unit in which the largest of some FLOPs reads well."""
    largest = max(flops, default=0.0)
    return (1e9, "GFLOPs") if largest >= 1e8 else (1e6, "MFLOPs")
