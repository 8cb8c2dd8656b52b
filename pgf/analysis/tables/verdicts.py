"""Verdicts on a claim, six of them, from paired comparisons at every target in its scope.

reproduced: better at every target, each at alpha; one target that is not better is enough to
prevent it, so nothing has to be corrected. opposite: worse at one target or more, at alpha
corrected by Holm over the targets. no effect: at every target the interval lies within the margin.
excluded: the set-up is the paper's, and at a target the interval lies below the paper's number. not
testable here: no runs of a role, no target in scope, or a task that does not grade. not settled:
the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pgf.analysis.statistics import holm
from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.claim_kinds import CLAIM_KINDS, Question
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.judgement import BETTER, NO_EFFECT, WORSE, Comparison
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.papers_effects import papers_gain
from pgf.experiments import AnalysisSettings
from pgf.recipes import Target

REPRODUCED = "reproduced"
OPPOSITE = "opposite"
NO_EFFECT_AT_ALL = NO_EFFECT
EXCLUDED = "excluded"
NOT_SETTLED = "not settled"
NOT_TESTABLE = "not testable here"
VERDICTS = (REPRODUCED, OPPOSITE, NO_EFFECT_AT_ALL, EXCLUDED, NOT_SETTLED, NOT_TESTABLE)


@dataclass(frozen=True)
class Finding:
    """The answer to a question: numbers per target, and the verdict."""

    question: Question
    verdict: str
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    """Why the claim is not testable here."""


def verdict_on(context: Context, means: pd.DataFrame, question: Question) -> Finding:
    """Return the verdict on one question; `means` comes from `phase_means`."""
    task, claim = question.task, question.claim
    roles = [role for role in (question.recipe, question.control) if role]
    if absent := [role for role in roles if context.column_of(task, role) is None]:
        return Finding(question, NOT_TESTABLE, reason=f"no runs of {' and '.join(absent)}")
    targets = [t for t in context.targets_of(task) if in_scope(claim, t)]
    if not targets:
        return Finding(question, NOT_TESTABLE, reason="no target in the claim's scope")
    for target in targets:
        if not (grade := grade_of(context, task, target)).grades:
            reason = f"the task does not grade at {target}: {grade.reason}"
            return Finding(question, NOT_TESTABLE, reason=reason)
    made = [CLAIM_KINDS[claim.kind](context, means, question, target) for target in targets]
    if empty := [c.target for c in made if c.interval.n == 0]:
        return Finding(question, NOT_TESTABLE, reason=f"no pairs of seeds at {', '.join(empty)}")
    papers = {c.target: papers_gain(context, task, question, c.target) for c in made}
    excluded = any(c.interval.high < papers[c.target] for c in made)
    return Finding(question, overall(made, context.analysis, excluded=excluded), tuple(made))


def overall(
    comparisons: Sequence[Comparison], analysis: AnalysisSettings, *, excluded: bool = False
) -> str:
    """Return the verdict of comparisons at every target of a claim; see the module.

    Args:
        comparisons: one for each target in scope; at least one.
        analysis: level of the test.
        excluded: whether an interval lies below the paper's own number.
    """
    found = {comparison.verdict for comparison in comparisons}
    if found == {BETTER}:
        return REPRODUCED
    corrected = holm([comparison.p for comparison in comparisons])
    worse = (
        comparison.verdict == WORSE and p <= analysis.alpha
        for comparison, p in zip(comparisons, corrected, strict=True)
    )
    if any(worse):
        return OPPOSITE
    if found == {NO_EFFECT}:
        return NO_EFFECT_AT_ALL
    return EXCLUDED if excluded else NOT_SETTLED


def in_scope(claim: Claim, target: str) -> bool:
    """Return whether a claim speaks of a target, which its least pruned layers decide."""
    densities = [pattern.density for _, pattern in Target.parse(target).parts]
    return claim.min_sparsity <= 1 - max(densities) <= claim.max_sparsity
