"""Verdicts on a claim, six of them, from paired comparisons at every target in its scope.

A claim is reproduced when the recipe is better at every target, each at alpha, and not within the
margin at all of them; one target that is not better prevents it, so nothing has to be corrected.
It is opposite when the recipe is worse at one target or more, at alpha corrected by Holm over the
targets, and the interval there does not lie within the margin. There is no effect when the interval
lies within the margin at every target. A claim is excluded when the set-up is the paper's and an
interval lies below the paper's number. It is not testable here without runs of a role, without a
target in scope, where a planned target has no run or does not grade, with fewer than six pairs, or
where most layers are too narrow for more than a recipe's last stage: it is another recipe there.
Otherwise it is not settled.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pgf.analysis.statistics import holm
from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.claim_kinds import CLAIM_KINDS, Question, is_dense_throughout
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.judgement import NO_EFFECT, WORSE, Comparison
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.papers_effects import papers_gain
from pgf.analysis.tables.recipe_costs import equal_in_flops, recipe_costs
from pgf.analysis.tables.recorded import one_stage_text
from pgf.analysis.tables.shares import planned_targets
from pgf.experiments import AnalysisSettings
from pgf.recipes import Target

REPRODUCED = "reproduced"
OPPOSITE = "opposite"
NO_EFFECT_AT_ALL = NO_EFFECT
EXCLUDED = "excluded"
NOT_SETTLED = "not settled"
NOT_TESTABLE = "not testable here"
LEAST_SEEDS = 6
"""Fewest pairs that count as evidence: the exact test beside the t-test reaches 0.05 with them."""
VERDICTS = (REPRODUCED, OPPOSITE, NO_EFFECT_AT_ALL, EXCLUDED, NOT_SETTLED, NOT_TESTABLE)


@dataclass(frozen=True)
class Finding:
    """The answer to a question: numbers per target, and the verdict."""

    question: Question
    verdict: str
    comparisons: tuple[Comparison, ...] = ()
    reason: str = ""
    """Reason why the claim is not testable here."""


def verdict_on(context: Context, means: pd.DataFrame, question: Question) -> Finding:
    """Return the verdict on one question; `means` comes from `phase_means`."""
    task, claim = question.task, question.claim
    roles = [role for role in (question.recipe, question.control) if role]
    recipe, control = (context.column_of(task, r) for r in (question.recipe, question.control))
    if absent := [role for role in roles if context.column_of(task, role) is None]:
        return Finding(question, NOT_TESTABLE, reason=f"no runs of {' and '.join(absent)}")
    targets = [t for t in planned_targets(context, task) if in_scope(claim, t)]
    if gap := scope_gap(claim, targets):
        return Finding(question, NOT_TESTABLE, reason=gap)
    columns = [column for column in (recipe, control) if column is not None]
    reasons = {t: reason for t in targets if (reason := _unfit(context, task, columns, t))}
    graded = [target for target in targets if target not in reasons]
    made = [CLAIM_KINDS[claim.kind](context, means, question, target) for target in graded]
    obstacle = _obstacle(context, question, reasons, made)
    made = [comparison for comparison in made if comparison.interval.n]
    enough = [comparison for comparison in made if comparison.interval.n >= LEAST_SEEDS]
    if not enough:
        return Finding(question, NOT_TESTABLE, tuple(made), obstacle)
    papers = {c.target: papers_gain(context, task, recipe, control, c.target) for c in enough}
    excluded = claim.kind == "better" and any(c.interval.high < papers[c.target] for c in enough)
    verdict = overall(enough, context.analysis, excluded=excluded)
    # One target is enough for the opposite; all others need every target.
    if obstacle and verdict != OPPOSITE:
        return Finding(question, NOT_TESTABLE, tuple(made), obstacle)
    return Finding(question, verdict, tuple(made))


def _unfit(context: Context, task: str, columns: Sequence[str], target: str) -> str:
    """Return why nothing can be judged at a target; empty where something can."""
    if target not in context.targets_of(task):
        return f"no run at {target}"
    if reason := grade_of(context, task, target).reason:
        return f"the task does not grade at {target}: {reason}"
    texts = (one_stage_text(context, task, column, target) for column in columns)
    return next(filter(None, texts), "")


def _obstacle(
    context: Context, question: Question, reasons: Mapping[str, str], made: Sequence[Comparison]
) -> str:
    """Return why a claim cannot be judged at every target; empty where it can."""
    if reasons:
        return next(iter(reasons.values()))
    if is_dense_throughout(context, question):
        return f"the recipe is still dense at every sample of the phase ({question.claim.phase})"
    if empty := [c for c in made if c.interval.n == 0]:
        targets = ", ".join(c.target for c in empty)
        if diverged := sum(c.diverged for c in empty):
            return f"{diverged} of the runs to compare diverged at {targets}"
        other = question.claim.control_target
        if other and other not in context.targets_of(question.task):
            return f"no target {other}"
        return f"nothing to compare at {targets}: no pairs of seeds, or a mean that is not positive"
    if few := [c for c in made if c.interval.n < LEAST_SEEDS]:
        pairs = min(c.interval.n for c in few)
        return f"{pairs} pairs of seeds at {few[0].target}, of {LEAST_SEEDS} that it takes"
    if question.claim.equal_flops:
        equal = {
            (own.target, own.recipe, control.recipe)
            for own, control in equal_in_flops(recipe_costs(context, question.task))
        }
        names = [context.column_of(question.task, r) for r in (question.recipe, question.control)]
        if unequal := [c.target for c in made if (c.target, *names) not in equal]:
            return f"training FLOPs differ at {', '.join(unequal)}"
    return ""


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
    if found == {NO_EFFECT}:
        return NO_EFFECT_AT_ALL
    if all(c.is_better(analysis) for c in comparisons):
        return REPRODUCED
    corrected = holm([comparison.p for comparison in comparisons])
    worse = (
        comparison.verdict == WORSE and p <= analysis.alpha
        for comparison, p in zip(comparisons, corrected, strict=True)
    )
    if any(worse):
        return OPPOSITE
    return EXCLUDED if excluded else NOT_SETTLED


def in_scope(claim: Claim, target: str) -> bool:
    """Return whether a claim speaks of a target."""
    groups = {group for group, _ in Target.parse(target).parts}
    if claim.groups and groups != set(claim.groups):
        return False
    return claim.min_sparsity <= sparsity_of(target) <= claim.max_sparsity


def scope_gap(claim: Claim, targets: Sequence[str]) -> str:
    """Return which targets of a claim's scope are lacking; empty where none is.

    Args:
        claim: the claim.
        targets: the targets in its scope that there are.
    """
    if not targets:
        return "no target in the claim's scope"
    if not claim.spans:
        return ""
    (low, high), found = claim.spans, [sparsity_of(target) for target in targets]
    if min(found) > low:
        return f"the claim is about moderate sparsity too: no target up to {100 * low:g}%"
    if max(found) < high:
        return f"the claim is about high sparsity too: no target from {100 * high:g}% on"
    return ""


def sparsity_of(target: str) -> float:
    """Return the share of pruned weights of a target's least pruned layers."""
    return 1 - max(pattern.density for _, pattern in Target.parse(target).parts)
