"""Recovered shares of a task, recipes down and targets across."""

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import ANCHORS, DENSE_ROLE, grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.model import NO_RUN, Block, Cell
from pgf.analysis.tables.recorded import STEPS, recorded
from pgf.analysis.tables.wording import with_limits


def own_recipes(context: Context, task: str) -> list[str]:
    """Return the sparse recipes of a task without the three that the recovered share is made of."""
    anchors = {context.column_of(task, role) for role in ANCHORS}
    return [name for name in context.sparse_recipes(task) if name not in anchors]


def as_long_as_dense(context: Context, task: str, target: str, recipe: str) -> bool:
    """Return whether a recipe was trained for as many steps as dense."""
    dense = context.column_of(task, DENSE_ROLE)
    if dense is None:
        return False
    own = recorded(context, task, recipe, target, STEPS)
    return own == recorded(context, task, dense, DENSE, STEPS)


def planned_targets(context: Context, task: str) -> list[str]:
    """Return the targets that a task has runs for, and those that it should have."""
    planned = (*context.targets_of(task), *context.missing_rows(task))
    return [target for target in context.targets if target in planned]


def graded_targets(context: Context, task: str) -> list[str]:
    """Return the targets at which a task grades."""
    return [t for t in context.targets_of(task) if grade_of(context, task, t).grades]


def shares_block(context: Context, task: str) -> Block | None:
    """Return the recovered shares of a task; None where no recipe has one."""
    targets, recipes = context.targets_of(task), own_recipes(context, task)
    found = {(r, t): recovered(context, task, t, r) for r in recipes for t in targets}
    if not any(share.n for share in found.values()):
        return None
    losses = losses_of(context, task)
    rows = [
        (
            Cell(context.label(recipe)),
            *(share_cell(found[recipe, t], losses.diverged_in(recipe, t)) for t in targets),
        )
        for recipe in recipes
    ]
    marked = [
        target_label(t) + ("" if grade_of(context, task, t).grades else " (does not grade)")
        for t in targets
    ]
    title = f"{task}: recovered share in percent"
    return Block(("recipe", *marked), tuple(rows), title=title)


def share_cell(share: Interval, diverged: int) -> Cell:
    """Return a recovered share as a cell: marked with the runs that diverged, if any."""
    if not share.n:
        return NO_RUN
    return Cell(with_limits(share, 0) + (f" †{diverged}" if diverged else ""))
