"""Recovered shares of a task, recipes down and targets across."""

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import ANCHORS, grade_of, recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.model import NO_RUN, Block, Cell
from pgf.analysis.tables.wording import with_limits


def ranked_recipes(context: Context, task: str) -> list[str]:
    """Return the sparse recipes of a task without the three that the recovered share is made of."""
    anchors = {context.column_of(task, role) for role in ANCHORS}
    return [name for name in context.sparse_recipes(task) if name not in anchors]


def graded_targets(context: Context, task: str) -> list[str]:
    """Return the targets at which a task grades."""
    return [t for t in context.targets_of(task) if grade_of(context, task, t).grades]


def shares_block(context: Context, task: str) -> Block:
    """Return the recovered shares of a task, recipes down and targets across."""
    targets = context.targets_of(task)
    rows = []
    for recipe in ranked_recipes(context, task):
        cells = [_share(recovered(context, task, target, recipe)) for target in targets]
        rows.append((Cell(context.label(recipe)), *cells))
    marked = [
        target_label(t) + ("" if grade_of(context, task, t).grades else " (does not grade)")
        for t in targets
    ]
    return Block(("recipe", *marked), tuple(rows), title=f"{task}: recovered share in percent")


def _share(share: Interval) -> Cell:
    return Cell(with_limits(share, 0)) if share.n else NO_RUN
