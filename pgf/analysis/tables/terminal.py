"""The accuracy and the recovered shares as plain text, for the end of a run."""

from collections.abc import Sequence

from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.mean_scores import mean_score_text, mean_scores
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import Block, row
from pgf.analysis.tables.render import to_text
from pgf.analysis.tables.scores import LAST
from pgf.analysis.tables.shares import graded_targets, shares_block
from pgf.analysis.tables.wording import gain_decimals, no_longest, percent, usual_count

TextColumn = list[str]
"""A heading and the texts below it."""


def terminal_view(context: Context, *, width: int = 110) -> str:
    """Return the accuracy after the last step as plain text, recipes down and targets across.

    The recovered shares follow, where a task grades.
    """
    blocks = [
        block
        for task in context.judged_tasks
        for block in (
            *metric_blocks(context, task, width=width),
            *_share_blocks(context, task, width),
        )
    ]
    text = "\n\n".join([*map(to_text, blocks), *map(no_longest, context.absent_longest)])
    return f"{text}\n\n†k: k runs of the cell diverged" if "†" in text else text


def metric_blocks(context: Context, task: str, *, width: int) -> list[Block]:
    """Return the mean metric of a task, in blocks that are at most `width` characters wide."""
    scores = mean_scores(context, task, LAST)
    decimals = gain_decimals([entry.interval for entry in scores.values()])
    usual = usual_count([entry.interval.n for entry in scores.values()])
    recipes = context.columns_of(task)
    first = ["recipe", *(context.label(recipe) for recipe in recipes)]
    columns = [
        [target_label(t), *(mean_score_text(scores.get((t, r)), decimals, usual) for r in recipes)]
        for t in context.targets_of(task)
    ]
    title = (
        f"{task}: {metric_name(context, task)} after the last step, mean ± half-width of the "
        f"{percent(context.analysis)} interval, n = {usual}"
    )
    return _blocks(title, first, columns, width)


def _share_blocks(context: Context, task: str, width: int) -> list[Block]:
    whole = shares_block(context, task)
    if whole is None or not graded_targets(context, task):
        return []
    first, *columns = zip(whole.header, *([c.text for c in r] for r in whole.rows), strict=True)
    title = f"{whole.title}: 0 is a random mask, 100 is dense"
    return _blocks(title, list(first), [list(column) for column in columns], width)


def _blocks(title: str, first: TextColumn, columns: list[TextColumn], width: int) -> list[Block]:
    blocks = []
    for chunk in _fitting(columns, width - max(map(len, first))):
        header, *rows = zip(first, *chunk, strict=True)
        blocks.append(Block(header, tuple(row(*texts) for texts in rows), title=title))
    return blocks


def _fitting(columns: Sequence[TextColumn], width: int) -> list[list[TextColumn]]:
    """Split columns into groups that are at most `width` characters wide, gaps of two included."""
    groups: list[list[TextColumn]] = [[]]
    left = width
    for column in columns:
        needed = 2 + max(map(len, column))
        if needed > left and groups[-1]:
            groups.append([])
            left = width
        groups[-1].append(column)
        left -= needed
    return groups
