"""Tables of a results page: verdicts, and recipes that a random mask beats."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.admission import RANDOM, recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.model import Block, row
from pgf.analysis.tables.phases import WHOLE, phase_means, values_by_seed
from pgf.analysis.tables.shares import graded_targets, ranked_recipes
from pgf.analysis.tables.verdicts import NOT_TESTABLE, Finding
from pgf.analysis.tables.wording import gain_decimals, scientific, with_limits

EXPLAINING = {
    "flip_rate": "mask entries flipped per step",
    "kept_mass": "magnitude kept",
    "gradient_norm_pruned": "gradient norm on pruned weights",
}
"""Statistics by which the paper explains what a moving mask costs -> their headings."""


@dataclass(frozen=True)
class Beaten:
    """A recipe that ends worse than a mask drawn at random, by the whole of its interval."""

    task: str
    target: str
    recipe: str
    share: Interval


def beaten_by_random(context: Context) -> list[Beaten]:
    """Return the recipes whose recovered share has an interval below 0, where the target grades."""
    return [
        Beaten(task, target, recipe, share)
        for task in context.judged_tasks
        for target in graded_targets(context, task)
        for recipe in ranked_recipes(context, task)
        for share in [recovered(context, task, target, recipe)]
        if share.n and share.high < 0
    ]


def beaten_block(context: Context, found: Sequence[Beaten]) -> Block:
    """Return them with the statistics that may explain it, each beside the random mask's own."""
    means = phase_means(context.runs, context.curves)
    rows = []
    for one in found:
        random = context.column_of(one.task, RANDOM) or ""
        texts = [_beside(means, one, random, name) for name in EXPLAINING]
        head = (one.task, target_label(one.target), context.label(one.recipe))
        rows.append(row(*head, with_limits(one.share, 0), *texts))
    header = ("task", "target", "recipe", "recovered share", *EXPLAINING.values())
    return Block(header, tuple(rows), text_columns=(0, 1, 2))


def _beside(means: pd.DataFrame, one: Beaten, random: str, name: str) -> str:
    """Return a recipe's mean of a statistic and, in brackets, the random mask's."""
    texts = []
    for recipe in (one.recipe, random):
        values = values_by_seed(
            means, task=one.task, recipe=recipe, target=one.target, name=name, phase=WHOLE
        )
        texts.append(scientific(float(values.mean())) if len(values) else "-")
    return f"{texts[0]} ({texts[1]})"


def testable(context: Context) -> list[Finding]:
    """Return the findings on claims that these runs can judge."""
    return [f for f in findings_of(context) if f.verdict != NOT_TESTABLE]


def verdicts(context: Context, findings: Sequence[Finding]) -> Block:
    """Return the verdicts, a row per claim and pair of columns."""
    rows, before = [], ""
    for finding in findings:
        asked, task = finding.question, finding.question.task
        columns = [context.column_of(task, role) or "" for role in (asked.recipe, asked.control)]
        names = [context.label(column) if column else "-" for column in columns]
        claim = "" if asked.claim.id == before else asked.claim.id
        before = asked.claim.id
        rows.append(row(claim, *names, finding.verdict, _numbers(finding)))
    header = ("claim", "recipe", "control", "verdict", "gain or ratio, by target")
    return Block(header, tuple(rows), text_columns=(0, 1, 2, 3, 4))


def _numbers(finding: Finding) -> str:
    decimals = gain_decimals([c.interval for c in finding.comparisons])
    texts = []
    for comparison in finding.comparisons:
        interval = comparison.interval
        text = with_limits(interval, decimals)
        if finding.question.claim.statistic:
            low, high = np.exp(-interval.high), np.exp(-interval.low)
            text = f"{np.exp(-interval.estimate):.2f} [{low:.2f}, {high:.2f}]"
        texts.append(f"{text} at {target_label(comparison.target)}")
    return "; ".join(texts)
