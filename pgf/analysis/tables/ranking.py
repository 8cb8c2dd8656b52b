"""The ranks of a leaderboard: recovered shares over all tasks and targets that grade."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import (
    ANCHORS,
    draws,
    seeds_table,
    share_of_means,
)
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.judgement import BETTER
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.recipe_costs import recipe_costs
from pgf.analysis.tables.shares import as_long_as_dense, graded_targets

BASELINE = "sr_ste"
"""Role that the share of cells is counted against."""

Cell = tuple[str, str]
"""Task and target."""

LOWEST, HIGHEST = -150.0, 200.0
"""Recovered shares in percent between which intervals are drawn; an arrow stands for one beyond."""


@dataclass(frozen=True)
class Place:
    """A recipe over the cells that grade and that it has runs of."""

    recipe: str
    share: Interval
    """Recovered share in percent, mean over cells; `n` counts cells."""
    better: int
    """Cells in which it is better than SR-STE."""
    compared: int
    flops: float
    """Training FLOPs relative to dense, mean over cells."""
    density: float
    trials: int
    """Tuning trials of all its cells; 0 where nothing was tuned."""
    group: int
    """Number of the group: its rows do not differ from its first row."""


def graded_cells(context: Context) -> list[Cell]:
    """Return every task and target that grades."""
    return [
        (task, target) for task in context.judged_tasks for target in graded_targets(context, task)
    ]


def why_empty(context: Context) -> str:
    """Return why no recipe has a place."""
    if graded_cells(context):
        return (
            "No recipe is ranked: beside dense, the random mask and the removed layers none has "
            "runs at every target that grades."
        )
    return "No task grades recipes at any target: see the table `grading`."


def places_of(context: Context) -> list[Place]:
    """Return the places over all tasks and targets that grade."""
    return context.remembered("places", lambda: places_over(context, graded_cells(context)))


def places_over(context: Context, cells: Sequence[Cell]) -> list[Place]:
    """Return the recipes by recovered share, the best first, grouped where not told apart.

    Args:
        context: the runs.
        cells: the tasks and targets to average over; recipes without runs in each have no place.
    """
    ranked = [name for name, _ in context.recipes if _is_ranked(context, name, cells)]
    found = {name: _samples(context, name, cells) for name in ranked}
    order = sorted(found, key=lambda name: -found[name][0])
    places: list[Place] = []
    head: str | None = None
    for name in order:
        if head is None or _apart(found[head][1] - found[name][1], context):
            head, group = name, len({place.group for place in places}) + 1
        places.append(_place(context, name, cells, found[name], group))
    return places


def _is_ranked(context: Context, recipe: str, cells: Sequence[Cell]) -> bool:
    """Return whether a recipe, no anchor, has runs in every cell, as long as the dense ones."""
    for task, target in cells:
        if recipe in {context.column_of(task, role) for role in ANCHORS}:
            return False
        if seeds_table(context, task, target, recipe) is None:
            return False
        if not as_long_as_dense(context, task, target, recipe):
            return False
    return bool(cells)


def _samples(context: Context, recipe: str, cells: Sequence[Cell]) -> tuple[float, np.ndarray]:
    """Return the mean share over cells and its bootstrap draws: seeds are drawn cell by cell."""
    parts = [_cell_samples(context, recipe, cell) for cell in cells]
    return float(np.mean([whole for whole, _ in parts])), np.mean([s for _, s in parts], axis=0)


def _cell_samples(context: Context, recipe: str, cell: Cell) -> tuple[float, np.ndarray]:
    def find() -> tuple[float, np.ndarray]:
        table = seeds_table(context, *cell, recipe)
        assert table is not None
        n = len(table[0])
        whole = float(share_of_means(table, np.arange(n)[None, :])[0])
        return whole, share_of_means(table, draws(n, cell))

    return context.remembered(("draws", recipe, cell), find)


def _apart(differences: np.ndarray, context: Context) -> bool:
    """Return whether a bootstrap interval of a difference leaves zero out."""
    low, _ = _limits(differences, context)
    return low > 0


def _limits(samples: np.ndarray, context: Context) -> tuple[float, float]:
    tail = 50 * (1 - context.analysis.confidence)
    low, high = np.nanpercentile(samples, [tail, 100 - tail])
    return float(low), float(high)


def _place(
    context: Context,
    recipe: str,
    cells: Sequence[Cell],
    sample: tuple[float, np.ndarray],
    group: int,
) -> Place:
    verdicts = [v for c in cells if (v := _against_baseline(context, recipe, c)) is not None]
    costs = [
        cost
        for task, target in cells
        for cost in recipe_costs(context, task)
        if (cost.recipe, cost.target) == (recipe, target)
    ]
    return Place(
        recipe=recipe,
        share=Interval(sample[0], *_limits(sample[1], context), n=len(cells)),
        better=verdicts.count(BETTER),
        compared=len(verdicts),
        flops=float(np.mean([cost.share for cost in costs])),
        density=float(np.mean([cost.density for cost in costs])),
        trials=sum(context.trials.get((task, recipe, target), 0) for task, target in cells),
        group=group,
    )


def _against_baseline(context: Context, recipe: str, cell: Cell) -> str | None:
    def find() -> str | None:
        task, target = cell
        baseline = context.column_of(task, BASELINE)
        if baseline is None or baseline == recipe:
            return None
        return compared(context, task, recipe, baseline, target).verdict

    return context.remembered(("against baseline", recipe, cell), find)
