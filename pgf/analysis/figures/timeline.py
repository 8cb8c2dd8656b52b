"""The phases of a recipe in steps of training, and a strip that shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pgf.analysis.figures.style import Look
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.recorded import STEPS, recorded

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROUNDING = 1e-9

PATTERN = "pattern_density"
"""Curve of the mean N/M of the patterns in force."""


@dataclass(frozen=True)
class Timeline:
    """Phases of the runs of a cell, in steps."""

    start: int
    """First sparse step; 0 without a dense phase."""
    end: int
    """First step of the fine-tune phase; `total` without one."""
    total: int
    stages: tuple[int, ...]
    """Sampled steps at which a tighter pattern than at the sample before was in force."""


def timeline(context: Context, task: str, recipe: str, target: str) -> Timeline | None:
    """Return the phases of a cell; None where its runs do not say.

    Boundaries follow from the shares of training as in `pgf.recipes.Recipe.clock`; without a
    fine-tune phase a recipe still ends at its target, for one step, which is not shown.
    """
    key = ("timeline", task, recipe, target)
    return context.remembered(key, lambda: _timeline(context, task, recipe, target))


def _timeline(context: Context, task: str, recipe: str, target: str) -> Timeline | None:
    dense, fine_tune, total = (
        recorded(context, task, recipe, target, name)
        for name in ("recipe.dense", "recipe.fine_tune", STEPS)
    )
    if not np.isfinite([dense, fine_tune, total]).all():
        return None
    steps = int(total)
    end = steps - max(1, round(fine_tune * steps))
    return Timeline(
        start=min(end, round(dense * steps)),
        end=end if fine_tune else steps,
        total=steps,
        stages=stages(context, task, recipe, target),
    )


def stages(context: Context, task: str, recipe: str, target: str) -> tuple[int, ...]:
    """Return the sampled steps whose pattern is tighter than the one before, the first aside."""
    densities = by_seed(context, task, recipe, target, PATTERN).mean(axis="columns")
    before, now = densities.to_numpy()[:-1], densities.to_numpy()[1:]
    tighter = (now < before - ROUNDING) & (before < 1 - ROUNDING)
    return tuple(int(step) for step in densities.index[1:][tighter])


def how_to_read(context: Context) -> str:
    """Return a sentence on reading a strip, by what the runs record."""
    known = PATTERN in set(context.curves["name"])
    ticks = "ticks: a tighter pattern." if known else "no tick: stages are not recorded."
    return f"Strip: dense phase (thin), sparse (pale), fine-tuned (full); {ticks}"


def draw_strip(
    axes: "Axes", rows: Sequence[tuple[Timeline | None, Look]], *, factor: float
) -> None:
    """Draw a line of phases per recipe, from above to below; `factor` turns steps to the axis."""
    for i, (found, look) in enumerate(rows):
        if found is None:
            continue
        # Wide lines with butt ends are bars whose height does not depend on the axis.
        for low, high, width, alpha in (
            (0, found.start, 0.8, 1.0),
            (found.start, found.end, 3.0, 0.35),
            (found.end, found.total, 3.0, 1.0),
        ):
            if low < high:
                axes.plot(
                    [low * factor, high * factor],
                    [i, i],
                    color=look.color,
                    linewidth=width,
                    alpha=alpha,
                    solid_capstyle="butt",
                )
        axes.plot(
            [step * factor for step in found.stages],
            [i] * len(found.stages),
            color="black",
            linestyle="none",
            marker="|",
            markersize=4,
            markeredgewidth=0.8,
        )
    axes.set_ylim(max(1, len(rows)) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines["left"].set_visible(False)
