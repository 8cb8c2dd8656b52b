"""The ranks of a leaderboard: recovered shares over all tasks and targets that grade."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from pgf.analysis.statistics import Interval, bootstrap_limits
from pgf.analysis.tables.admission import (
    ANCHORS,
    RANDOM,
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
            Cells with the same runs of dense and random mask count once.
    """
    cells = _distinct(context, cells)
    ranked = [name for name, _ in context.recipes if _is_ranked(context, name, cells)]
    found = {name: _samples(context, name, cells) for name in ranked}
    order = sorted(found, key=lambda name: -found[name].mean)
    places: list[Place] = []
    head: str | None = None
    for name in order:
        if head is None or _apart(found[head].draws - found[name].draws, found[name], context):
            head, group = name, len({place.group for place in places}) + 1
        places.append(_place(context, name, cells, found[name], group))
    return places


def _distinct(context: Context, cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells without repeats, such as two experiments have of one task.

    Of those with equal losses of dense and random mask the one with most recipes stays.
    """
    kept: dict[Hashable, Cell] = {}
    for cell in cells:
        table = seeds_table(context, *cell, context.column_of(cell[0], RANDOM) or "")
        # Without both there is nothing to compare by, and nothing to rank.
        key = cell if table is None else tuple(values.tobytes() for values in table)
        other = kept.setdefault(key, cell)
        if len(context.columns_of(cell[0])) > len(context.columns_of(other[0])):
            kept[key] = cell
    return list(kept.values())


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


@dataclass(frozen=True)
class _Drawn:
    """The mean share of a recipe over cells."""

    mean: float
    draws: np.ndarray
    """Of the bootstrap: seeds are drawn task by task, the same ones at all its targets."""
    sizes: tuple[int, ...]
    """Seeds of each task, the fewest of its targets."""


def _samples(context: Context, recipe: str, cells: Sequence[Cell]) -> _Drawn:
    parts = [_cell_samples(context, recipe, cell) for cell in cells]
    sizes: dict[str, int] = {}
    for (task, _), (_, _, n) in zip(cells, parts, strict=True):
        sizes[task] = min(n, sizes.get(task, n))
    means, samples = [mean for mean, _, _ in parts], [sample for _, sample, _ in parts]
    return _Drawn(float(np.mean(means)), np.mean(samples, axis=0), tuple(sizes.values()))


def _cell_samples(context: Context, recipe: str, cell: Cell) -> tuple[float, np.ndarray, int]:
    """Return the share of a recipe in a cell, its bootstrap draws, and the seeds they are of."""

    def find() -> tuple[float, np.ndarray, int]:
        table = seeds_table(context, *cell, recipe)
        assert table is not None
        n = len(table[0])
        whole = float(share_of_means(table, np.arange(n)[None, :])[0])
        return whole, share_of_means(table, draws(n, cell[0])), n

    return context.remembered(("draws", recipe, cell), find)


def _apart(differences: np.ndarray, drawn: _Drawn, context: Context) -> bool:
    """Return whether a bootstrap interval of a difference leaves zero out."""
    confidence = context.analysis.confidence
    return bootstrap_limits(differences, drawn.sizes, confidence=confidence)[0] > 0


def _place(
    context: Context,
    recipe: str,
    cells: Sequence[Cell],
    sample: _Drawn,
    group: int,
) -> Place:
    confidence = context.analysis.confidence
    limits = bootstrap_limits(sample.draws, sample.sizes, confidence=confidence)
    verdicts = [v for c in cells if (v := _against_baseline(context, recipe, c)) is not None]
    costs = [
        cost
        for task, target in cells
        for cost in recipe_costs(context, task)
        if (cost.recipe, cost.target) == (recipe, target)
    ]
    return Place(
        recipe=recipe,
        share=Interval(sample.mean, *limits, n=len(cells)),
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
