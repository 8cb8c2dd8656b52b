"""Kinds of claims: each turns a question into a paired comparison, positive where it holds."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from pgf.analysis.tables.admission import margin_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.judgement import Comparison, judge
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.phases import (
    NOISE_TO_SIGNAL,
    THIRDS,
    is_before_pruning,
    values_by_seed,
)
from pgf.analysis.tables.ratios import log_ratio_by_seed
from pgf.recipes import Registry

RATIO_MARGIN = math.log(1.1)
"""Of a statistic: a ratio between 1 / 1.1 and 1.1 does not matter."""


@dataclass(frozen=True)
class Question:
    """A claim put to one pair of roles of one task."""

    claim: Claim
    task: str
    recipe: str
    control: str
    """Empty for a claim about a recipe alone."""


Kind = Callable[[Context, pd.DataFrame, Question, str], Comparison]
"""(context, phase means, question, target) -> the comparison there."""

CLAIM_KINDS: Registry[Kind] = Registry("kind of claim")


@CLAIM_KINDS.register("better")
def better(context: Context, means: pd.DataFrame, question: Question, target: str) -> Comparison:
    """The recipe's held-out loss after the last step is below the control's."""
    del means
    recipe, control = _columns(context, question)
    other = question.claim.control_target
    return compared(context, question.task, recipe, control, target, other)


@CLAIM_KINDS.register("as_good")
def as_good(context: Context, means: pd.DataFrame, question: Question, target: str) -> Comparison:
    """The recipe is behind the control by less than the margin: its gain plus that is positive."""
    del means
    margin, gains = margin_of(context, question.task, target), _gains(context, question, target)
    made = judge(
        target,
        gains + margin if math.isfinite(margin) else gains[:0],
        analysis=context.analysis,
        diverged=_diverged(context, question, target),
    )
    # What is shown is the gain itself; the test and its verdict are of the gain plus the margin.
    shift = replace(
        made.interval,
        estimate=made.interval.estimate - margin,
        low=made.interval.low - margin,
        high=made.interval.high - margin,
    )
    return replace(made, interval=shift, margin=margin)


@CLAIM_KINDS.register("lower_statistic")
def lower_statistic(
    context: Context, means: pd.DataFrame, question: Question, target: str
) -> Comparison:
    """The recipe's statistic is below the control's in a phase, as a ratio of means over seeds.

    Without samples after the recipe's dense steps there is nothing to compare.
    """
    phase = question.claim.phase
    if is_dense_throughout(context, question):
        return judge(target, np.empty(0), analysis=context.analysis, margin=RATIO_MARGIN)
    recipe, control = (
        _parts(context, means, question, role, target, phase)
        for role in (question.recipe, question.control)
    )
    return _ratio(context, question, target, control, recipe)


@CLAIM_KINDS.register("falling_statistic")
def falling_statistic(
    context: Context, means: pd.DataFrame, question: Question, target: str
) -> Comparison:
    """The recipe's statistic is lower in the last third than in the first, as a ratio of means."""
    early, late = (
        _parts(context, means, question, question.recipe, target, phase)
        for phase in (THIRDS[0], THIRDS[-1])
    )
    return _ratio(context, question, target, early, late)


def is_dense_throughout(context: Context, question: Question) -> bool:
    """Return whether the recipe is dense at every sample of the claim's phase."""
    column, claim = context.column_of(question.task, question.recipe), question.claim
    assert column is not None
    return claim.kind == "lower_statistic" and any(
        is_before_pruning(context, question.task, column, name, claim.phase)
        for name in _names(claim)
    )


def _names(claim: Claim) -> list[str]:
    """Return the curves of a claim's statistic: numerator and denominator where it is a ratio."""
    name = claim.statistic
    return list(NOISE_TO_SIGNAL) if name == "noise_to_signal" else [name]


def _columns(context: Context, question: Question) -> tuple[str, str]:
    """Return the columns of recipe and control; the recipe's twice for a claim about it alone."""
    recipe = context.column_of(question.task, question.recipe)
    control = context.column_of(question.task, question.control or question.recipe)
    assert recipe is not None and control is not None
    return recipe, control


def _gains(context: Context, question: Question, target: str) -> np.ndarray:
    recipe, control = _columns(context, question)
    losses = losses_of(context, question.task)
    return losses.gains(recipe, control, target, question.claim.control_target)


def _diverged(context: Context, question: Question, target: str) -> int:
    recipe, control = _columns(context, question)
    losses, other = losses_of(context, question.task), question.claim.control_target or target
    # A claim about a recipe alone has its runs on both sides.
    return sum(losses.diverged_in(*cell) for cell in {(recipe, target), (control, other)})


def _parts(
    context: Context, means: pd.DataFrame, question: Question, role: str, target: str, phase: str
) -> list[pd.Series]:
    """Return numerator, and denominator where there is one, of a statistic by seed."""
    column = context.column_of(question.task, role)
    assert column is not None
    return [
        values_by_seed(
            means, task=question.task, recipe=column, target=target, name=part, phase=phase
        )
        for part in _names(question.claim)
    ]


def _ratio(
    context: Context,
    question: Question,
    target: str,
    above: list[pd.Series],
    below: list[pd.Series],
) -> Comparison:
    # Curves of runs that diverged end early: without them the calm ones alone would be compared.
    diverged = _diverged(context, question, target)
    values = np.empty(0) if diverged else log_ratio_by_seed(above, below)
    return judge(target, values, analysis=context.analysis, margin=RATIO_MARGIN, diverged=diverged)
