"""Tables of a results page: verdicts, and recipes that end worse than a random mask."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from pgf.analysis.statistics import Interval, holm
from pgf.analysis.tables.admission import RANDOM, recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.judgement import WORSE, Comparison
from pgf.analysis.tables.kinds.claims import finding_rows, findings_of
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.model import Block, row
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.phases import WHOLE, phases_of, values_by_seed
from pgf.analysis.tables.shares import graded_targets, own_recipes
from pgf.analysis.tables.verdicts import NOT_TESTABLE, Finding
from pgf.analysis.tables.wording import gain_decimals, p_text, scientific, with_limits

EXPLAINING = {
    "flip_rate": "mask entries flipped per step",
    "kept_mass": "magnitude kept",
    "gradient_norm_pruned": "gradient norm on pruned weights",
}
"""Statistics by which the paper explains what a moving mask costs -> their headings."""


@dataclass(frozen=True)
class Beaten:
    """A recipe that ends worse than a control."""

    task: str
    target: str
    recipe: str
    share: Interval
    p: float
    """Of the paired t-test, corrected by Holm over all recipes and targets that grade."""
    diverged: int


def beaten_by(context: Context, role: str) -> list[Beaten]:
    """Return the recipes that the test finds worse than a control, where the target grades.

    Args:
        context: the runs.
        role: the control's, random mask or removed.
    """
    return context.remembered(("beaten", role), lambda: _beaten_by(context, role))


def _beaten_by(context: Context, role: str) -> list[Beaten]:
    cells = [
        (task, target, recipe)
        for task in context.judged_tasks
        for target in graded_targets(context, task)
        for recipe in own_recipes(context, task)
    ]
    made = [_against(context, role, *cell) for cell in cells]
    corrected = holm([comparison.p for comparison in made])
    return [
        Beaten(*cell, recovered(context, *cell), float(p), _diverged(context, *cell))
        for cell, comparison, p in zip(cells, made, corrected, strict=True)
        if comparison.verdict == WORSE and p <= context.analysis.alpha
    ]


def _diverged(context: Context, task: str, target: str, recipe: str) -> int:
    return losses_of(context, task).diverged_in(recipe, target)


def _against(context: Context, role: str, task: str, target: str, recipe: str) -> Comparison:
    return compared(context, task, recipe, context.column_of(task, role) or "", target)


def beaten_block(context: Context, found: Sequence[Beaten]) -> Block:
    """Return them with the statistics that may explain it, each beside the random mask's own."""
    means = phases_of(context)
    rows = []
    for one in found:
        random = context.column_of(one.task, RANDOM) or ""
        texts = [_beside(means, one, random, name) for name in EXPLAINING]
        share = with_limits(one.share, 0) + (f" †{one.diverged}" if one.diverged else "")
        head = (one.task, target_label(one.target), context.label(one.recipe))
        rows.append(row(*head, share, p_text(one.p), *texts))
    header = ("task", "target", "recipe", "recovered share", "p", *EXPLAINING.values())
    return Block(header, tuple(rows), text_columns=(0, 1, 2))


def _beside(means: pd.DataFrame, one: Beaten, random: str, name: str) -> str:
    """Return a recipe's mean of a statistic and, in brackets, the random mask's.

    A recipe with diverged runs has none: the mean would be of the others.
    """
    texts = []
    for recipe in (one.recipe, random):
        values = values_by_seed(
            means, task=one.task, recipe=recipe, target=one.target, name=name, phase=WHOLE
        )
        texts.append(scientific(float(values.mean())) if len(values) else "-")
    return f"{'-' if one.diverged else texts[0]} ({texts[1]})"


def testable(context: Context) -> list[Finding]:
    """Return the findings on claims that these runs can judge."""
    return [f for f in findings_of(context) if f.verdict != NOT_TESTABLE]


def verdicts(context: Context, findings: Sequence[Finding]) -> Block:
    """Return the verdicts as the table of claims has them, one claim under the other."""
    rows, before = [], ""
    for finding in findings:
        decimals = gain_decimals([c.interval for c in finding.comparisons])
        for line in finding_rows(context, finding, decimals):
            claim = finding.question.claim
            shown = "" if claim.id == before else claim.id
            before = claim.id
            rows.append((*row(shown), *line))
    header = ("claim", "recipe", "control", "verdict", "target", "gain or ratio", "n", "p")
    return Block((*header, "exact p"), tuple(rows), title="", text_columns=(0, 1, 2, 3, 4))
