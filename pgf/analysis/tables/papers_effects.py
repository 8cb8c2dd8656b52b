"""A column compared with a control: the paper sets the margin where the set-up is the paper's."""

import math

from pgf.analysis.tables.admission import margin_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.judgement import Comparison, judge
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.published import (
    BASELINE_OF_PAPER,
    labels_of,
    match_recipes,
    published_differences,
)


def papers_gain(
    context: Context, task: str, recipe: str | None, control: str | None, target: str
) -> float:
    """Return by how much the paper has a column above SR-STE, in points of its metric.

    NaN where the set-up is not the paper's, the control is not its SR-STE, or it prints no number.
    """
    if recipe is None or control is None or not context.has_same_setup(task):
        return math.nan
    if control not in match_recipes(labels_of(context, task), [BASELINE_OF_PAPER]):
        return math.nan
    return published_differences(context, task).get((target, recipe), math.nan)


def margin_for(
    context: Context, task: str, recipe: str, control: str, target: str
) -> tuple[float, bool]:
    """Return the margin of a comparison, and whether it goes before what the test finds.

    The paper's own effect where the set-up is the paper's: a difference that is found then counts
    even if it is smaller. Elsewhere `margin_of`, which goes first.
    """
    papers = abs(papers_gain(context, task, recipe, control, target))
    if math.isnan(papers):
        return margin_of(context, task, target), True
    return papers, False


def compared(
    context: Context, task: str, recipe: str, control: str, target: str, control_target: str = ""
) -> Comparison:
    """Return the losses of a column compared with a control's, by pairs of seeds.

    Args:
        context: the runs.
        task: that both are of.
        recipe: the column.
        control: another column.
        target: the recipe's, and the control's unless that has one of its own.
        control_target: the control's, where it is another.
    """
    losses, other = losses_of(context, task), control_target or target
    margin, first = margin_for(context, task, recipe, control, target)
    return judge(
        target,
        losses.gains(recipe, control, target, control_target),
        analysis=context.analysis,
        margin=margin,
        margin_first=first,
        diverged=losses.diverged_in(recipe, target) + losses.diverged_in(control, other),
    )
