"""Leaderboards of a page: one over every choice of task, length and target."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.ranking import Cell, Place, places_over, why_empty
from pgf.analysis.tables.recorded import STEPS, of_dense

ALL = ""
"""The choice that leaves a filter open."""


@dataclass(frozen=True)
class Scope:
    """The recipes' places over some cells."""

    keys: tuple[str, ...]
    """Choices that lead here, each as `family|length|target`."""
    cells: tuple[Cell, ...]
    places: tuple[Place, ...]
    remark: str
    """Reason not to read ranks here; empty where they mean something."""


@dataclass(frozen=True)
class Filters:
    """The choices of a reader: value -> label, with `ALL` first."""

    families: dict[str, str]
    lengths: dict[str, str]
    targets: dict[str, str]


def filters_of(context: Context) -> Filters:
    """Return the families of tasks, their lengths in steps, and the targets."""
    lengths = sorted({length_of(context, task) for task in context.tasks}, key=int)
    return Filters(
        {
            ALL: "all",
            **{name: name for task in context.tasks for name in [family_of(context, task)]},
        },
        {ALL: "the longest", **{length: f"{int(length):,} steps" for length in lengths}},
        {ALL: "all", **{target: target_label(target) for target in context.targets}},
    )


def family_of(context: Context, task: str) -> str:
    """Return the family of tasks that differ in length alone; a task's own name outside of one."""
    return next((name for name, tasks in context.families.items() if task in tasks), task)


def length_of(context: Context, task: str) -> str:
    """Return the steps of a task's runs; `0` where they do not say."""
    steps = of_dense(context, task, STEPS)
    return str(int(steps)) if steps == steps else "0"


def scopes_of(context: Context) -> list[Scope]:
    """Return the leaderboard of every choice that has cells; the widest comes first.

    Several cells are averaged where they grade. A single one is shown even where it does not,
    without ranks.
    """
    keys: dict[tuple[Cell, ...], list[str]] = {}
    for key, cells in _choices(context):
        keys.setdefault(cells, []).append(key)
    return [_scope(context, cells, tuple(names)) for cells, names in keys.items()]


def _choices(context: Context) -> Iterator[tuple[str, tuple[Cell, ...]]]:
    filters = filters_of(context)
    for family, length, target in product(filters.families, filters.lengths, filters.targets):
        tasks = context.tasks if length else context.judged_tasks
        cells = [
            (task, own)
            for task in tasks
            if family in (ALL, family_of(context, task))
            if length in (ALL, length_of(context, task))
            for own in context.targets_of(task)
            if target in (ALL, own)
        ]
        if len(cells) > 1:
            graded = tuple(cell for cell in cells if grade_of(context, *cell).grades)
            yield "|".join((family, length, target)), graded
        elif cells:
            yield "|".join((family, length, target)), tuple(cells)


def _scope(context: Context, cells: tuple[Cell, ...], keys: tuple[str, ...]) -> Scope:
    if not cells:
        return Scope(keys, cells, (), "None of these tasks and targets grades recipes. Choose one.")
    places = tuple(places_over(context, cells))
    reason = grade_of(context, *cells[0]).reason
    if not places:
        return Scope(keys, cells, places, why_empty(context))
    if reason:
        where = f"{cells[0][0]} at {target_label(cells[0][1])}"
        return Scope(keys, cells, places, f"{where} does not grade recipes: {reason}.")
    return Scope(keys, cells, places, "")
