"""Verdicts on a claim: reproduced, not reproduced, not settled, not testable here.

Every kind of claim comes down to one number per target and seed that is positive where the claim
holds. The verdict follows from the exact sign-flip test of these numbers, corrected by Holm over
the targets in the claim's scope.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.comparisons import Comparison, compare_family, paired_values, scores_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.phases import THIRDS, values_by_seed
from pgf.recipes import Registry, Target

REPRODUCED = "reproduced"
NOT_REPRODUCED = "not reproduced"
NOT_SETTLED = "not settled"
NOT_TESTABLE = "not testable here"


@dataclass(frozen=True)
class Question:
    """A claim put to one pair of recipes of one task."""

    claim: Claim
    task: str
    recipe: str
    control: str


@dataclass(frozen=True)
class Finding:
    """The answer: numbers per target, and the verdict."""

    question: Question
    verdict: str
    comparisons: tuple[Comparison, ...]
    reason: str = ""
    """Reason why the claim is not testable here."""


Evidence = Callable[[Context, pd.DataFrame, Question, str], np.ndarray]
"""(context, phase means, question, target) -> oriented differences by seed (n,)."""

CLAIM_KINDS: Registry[Evidence] = Registry("kind of claim")


@CLAIM_KINDS.register("higher_metric")
def higher_metric(
    context: Context, means: pd.DataFrame, question: Question, target: str
) -> np.ndarray:
    """Recipe better than control by the metric after the last step, in the metric's units."""
    del means
    scores = scores_of(context, question.task)
    sign = 1.0 if context.metric(question.task)[1] else -1.0
    return sign * paired_values(
        scores.of(question.recipe, target), scores.of(question.control, target)
    )


@CLAIM_KINDS.register("lower_statistic")
def lower_statistic(
    context: Context, means: pd.DataFrame, question: Question, target: str
) -> np.ndarray:
    """Statistic of the recipe below the control's in a phase: log(control / recipe)."""
    del context
    recipe, control = (
        _logs(means, question, name, target, question.claim.phase)
        for name in (question.recipe, question.control)
    )
    return paired_values(control, recipe)


@CLAIM_KINDS.register("falling_statistic")
def falling_statistic(
    context: Context, means: pd.DataFrame, question: Question, target: str
) -> np.ndarray:
    """Statistic of the recipe lower in the last third than in the first: log(early / late)."""
    del context
    early, late = (
        _logs(means, question, question.recipe, target, phase) for phase in (THIRDS[0], THIRDS[-1])
    )
    return paired_values(early, late)


def verdict_on(context: Context, means: pd.DataFrame, question: Question) -> Finding:
    """Return the verdict on one question; `means` comes from `phase_means`."""
    claim = question.claim
    present = context.columns_of(question.task)
    absent = [name for name in (question.recipe, question.control) if name and name not in present]
    if absent:
        return Finding(question, NOT_TESTABLE, (), f"no runs of {' and '.join(absent)}")
    targets = [t for t in context.targets_of(question.task) if in_scope(claim, t)]
    if not targets:
        return Finding(question, NOT_TESTABLE, (), "no target in the claim's scope")
    family = [(t, CLAIM_KINDS[claim.kind](context, means, question, t)) for t in targets]
    if empty := [target for target, differences in family if differences.size == 0]:
        return Finding(question, NOT_TESTABLE, (), f"no pairs of seeds at {', '.join(empty)}")
    comparisons = tuple(compare_family(family, context.analysis))
    verdicts = {comparison.verdict for comparison in comparisons}
    if verdicts == {"above"}:
        return Finding(question, REPRODUCED, comparisons)
    if "below" in verdicts:
        return Finding(question, NOT_REPRODUCED, comparisons)
    return Finding(question, NOT_SETTLED, comparisons)


def in_scope(claim: Claim, target: str) -> bool:
    """Return whether a claim speaks of a target, which its least pruned layers decide."""
    densities = [pattern.density for _, pattern in Target.parse(target).parts]
    return claim.min_sparsity <= 1 - max(densities) <= claim.max_sparsity


def _logs(
    means: pd.DataFrame, question: Question, recipe: str, target: str, phase: str
) -> pd.Series:
    values = values_by_seed(
        means,
        task=question.task,
        recipe=recipe,
        target=target,
        name=question.claim.statistic,
        phase=phase,
    )
    positive = values[values > 0]
    return pd.Series(np.log(positive.to_numpy()), index=positive.index)
