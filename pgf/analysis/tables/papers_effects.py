"""The paper's own effect, where model, data and metric are the paper's."""

import math
from typing import Protocol

from pgf.analysis.tables.context import Context
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.published import BASELINE_OF_PAPER, base_label, published_differences


class Asked(Protocol):
    """The part of a question that says which columns it is about."""

    @property
    def claim(self) -> Claim: ...
    @property
    def recipe(self) -> str: ...
    @property
    def control(self) -> str: ...


def papers_gain(context: Context, task: str, asked: Asked, target: str) -> float:
    """Return by how much the paper has a recipe above its control, in points of its metric.

    NaN where the set-up is not the paper's, the control is not SR-STE, or it prints no number.
    """
    recipe, control = (context.column_of(task, r) for r in (asked.recipe, asked.control))
    if asked.claim.kind != "better" or not context.has_same_setup(task):
        return math.nan
    if recipe is None or control is None:
        return math.nan
    if base_label(context.label(control)) != BASELINE_OF_PAPER:
        return math.nan
    return published_differences(context, task).get((target, recipe), math.nan)
