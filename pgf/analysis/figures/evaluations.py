"""The metric at the evaluations of a run, as points on a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pgf.analysis.figures.series import draw_band, every_shown, shown_recipes
from pgf.analysis.figures.style import Look
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.recorded import (
    AT_TARGET,
    CUMULATIVE,
    STEPS,
    TRAINING_DENSE,
    of_dense,
    of_task,
)
from pgf.recipes import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PERCENT = ("accuracy", "exact_match")
"""Ends of the names of metrics from 0 to 100."""
HOLLOW = "Hollow: training was not at the strict target yet; the metric is."


@dataclass(frozen=True)
class Evaluations:
    """Evaluations of a recipe at a target."""

    values: pd.DataFrame
    """Metric, steps down, seeds across."""
    at_target: pd.Series
    """By step, whether training was at the strict target; true where the runs do not say."""


def evaluations(
    context: Context, task: str, recipe: str, target: str, *, measure: str = ""
) -> Evaluations:
    """Return the evaluations of the complete runs of a recipe at a target.

    Args:
        context: the runs and curves.
        task: their task.
        recipe: their column.
        target: their target.
        measure: name of the curve; the task's metric by default.
    """
    values = by_seed(context, task, recipe, target, measure or context.metric(task)[0])
    ready = by_seed(context, task, recipe, target, AT_TARGET).min(axis="columns")
    return Evaluations(values, ready.reindex(values.index).fillna(1.0) == 1.0)


def metric_curves(context: Context, task: str) -> list[str]:
    """Return the curves that stand below each other: the metric, and its top-5 where recorded."""
    metric = context.metric(task)[0]
    recorded = set(context.curves["name"].unique())
    return [metric, *(name for name in (f"{metric}_top5",) if name in recorded)]


Scale = Callable[[pd.Index], np.ndarray]
"""Steps -> places on the x axis."""


def draw_evaluations(
    axes: "Axes", found: Evaluations, *, scale: Scale, look: Look, label: str
) -> None:
    """Draw mean and band over the seeds, with hollow markers before the strict target."""
    values = found.values.set_axis(scale(found.values.index), axis="index")
    draw_band(axes, values, look=look, label=label, markers=True)
    shown = every_shown(len(values))
    early = ~found.at_target.to_numpy()[shown]
    axes.plot(
        values.index.to_numpy()[shown][early],
        values.mean(axis="columns").to_numpy()[shown][early],
        color=look.color,
        linestyle="none",
        marker=look.marker,
        markerfacecolor="white",
        zorder=4,
    )


def zoom(axes: "Axes", context: Context, task: str, target: str) -> None:
    """Limit the axis to the means of the second half of training, and all runs of the last step."""
    parts = [np.empty(0)]
    for recipe in shown_recipes(context, task):
        values = evaluations(context, task, recipe, target).values
        half = values.mean(axis="columns").to_numpy()[max(0, len(values) - 1) // 2 :]
        parts += [half, values.to_numpy()[-1:].ravel()]
    late = np.concatenate(parts)
    late = late[np.isfinite(late)]
    if late.size and np.ptp(late) > 0:
        margin = 0.12 * float(np.ptp(late))
        axes.set_ylim(float(late.min()) - margin, float(late.max()) + margin)


def name_metric(
    axes: "Axes", context: Context, task: str, *, behind: str = "", axis: str = "y"
) -> None:
    """Name a task's metric beside an axis that is drawn, and end the axis where percent end."""
    axes.set(**{f"{axis}label": metric_name(context, task) + behind})
    if context.metric(task)[0].endswith(PERCENT):
        low, high = axes.get_xlim() if axis == "x" else axes.get_ylim()
        axes.set(**{f"{axis}lim": (max(low, 0.0), min(high, 100.0))})


def epoch_length(context: Context, task: str) -> int:
    """Return the whole batches in the training samples; 0 where the runs do not say."""
    samples, batch = (of_task(context, task, c) for c in ("train_samples", "training.batch_size"))
    return int(samples // batch) if np.isfinite(samples) and np.isfinite(batch) else 0


def by_epoch(context: Context, task: str) -> tuple[Scale, str]:
    """Return the scale from steps to epochs, and its name; steps where epochs are unknown."""
    length = epoch_length(context, task)
    return scaled(1 / (length or 1)), "epoch" if length else "step"


def by_share(context: Context, task: str) -> tuple[Scale, str]:
    """Return the scale from steps to per cent of the dense training, and its name."""
    total, length = of_dense(context, task, STEPS), epoch_length(context, task)
    whole = f"{total / length:.3g} epochs" if length else f"{total:g} steps"
    return scaled(100 / total), f"share of training, % of {whole}"


def by_flops(context: Context, task: str, recipe: str, target: str) -> Scale:
    """Return the scale from steps to per cent of a dense run's training FLOPs."""
    flops = by_seed(context, task, recipe, target, CUMULATIVE).mean(axis="columns")
    whole = of_dense(context, task, TRAINING_DENSE)
    return lambda steps: 100 * flops.reindex(steps).to_numpy() / whole


def scaled(factor: float) -> Scale:
    """Return the scale that multiplies steps."""
    return lambda steps: steps.to_numpy() * factor


def sparsity_order(targets: Sequence[str]) -> list[str]:
    """Return targets from the densest to the sparsest, by their sparsest pattern."""
    return sorted(targets, key=lambda target: -density(target))


def density(target: str) -> float:
    """Return N/M of a target's sparsest pattern."""
    return min(pattern.density for _, pattern in Target.parse(target).parts)
