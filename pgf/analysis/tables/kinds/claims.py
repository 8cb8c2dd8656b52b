"""The table of the paper's claims, each with the verdict of the runs."""

import numpy as np
import pandas as pd

from pgf.analysis.statistics import smallest_p
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.comparisons import Comparison
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.model import Block, Section, Table, row
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.phases import phase_means
from pgf.analysis.tables.verdicts import Finding, Question, verdict_on
from pgf.analysis.tables.wording import SMALL_SCALE, common_notes, p_text, percent, with_limits

LONG = (
    *("task", "claim", "recipe", "control", "target", "estimate", "low", "high", "n", "p"),
    *("p_holm", "verdict", "reason"),
)


@TABLES.register("claims")
def claims(context: Context) -> Table:
    """Return the table: a section per task, a block per claim, a row per pair of recipes."""
    means = phase_means(context.runs, context.curves)
    findings = [
        verdict_on(context, means, Question(claim, task, recipe, control))
        for task in context.tasks
        for claim in context.claims
        if not claim.metrics or context.metric(task)[0] in claim.metrics
        for recipe in claim.recipes
        for control in claim.controls
    ]
    return Table(
        name="claims",
        title="What the paper claims, and what these runs say",
        data=pd.DataFrame([line for f in findings for line in _long(f)], columns=list(LONG)),
        sections=tuple(
            _section(context, task, [f for f in findings if f.question.task == task])
            for task in context.tasks
        ),
    )


def _long(finding: Finding) -> list[tuple[object, ...]]:
    question = finding.question
    head = (question.task, question.claim.id, question.recipe, question.control)
    tail = (finding.verdict, finding.reason)
    if not finding.comparisons:
        return [(*head, "", *[np.nan] * 3, 0, *[np.nan] * 2, *tail)]
    return [
        (*head, c.target, i.estimate, i.low, i.high, i.n, c.p, c.p_holm, *tail)
        for c in finding.comparisons
        for i in [c.interval]
    ]


def _section(context: Context, task: str, findings: list[Finding]) -> Section:
    analysis = context.analysis
    scale = "The task has the paper's own setup."
    if not context.has_same_setup(task):
        scale = f"The task is {SMALL_SCALE}."
    caption = (
        f"{scale} A claim is reproduced when, at every target in its scope, the paired exact "
        f"sign-flip test finds it at a p of at most {analysis.alpha:g}, corrected by Holm over "
        "these targets; not reproduced when the test finds the opposite at any of them; not "
        f"settled otherwise. Numbers: mean over pairs of seeds with its {percent(analysis)} t "
        "interval; for statistics the geometric mean of the ratio, recipe to control or last third "
        "to first."
    )
    asked = [c for c in context.claims if any(f.question.claim is c for f in findings)]
    blocks = tuple(
        _block(context, claim, [f for f in findings if f.question.claim is claim])
        for claim in asked
    )
    notes = [] if asked else ["No claims were given."]
    largest = [max(f.comparisons, key=lambda c: c.interval.n) for f in findings if f.comparisons]
    if largest:
        pairs = max(c.interval.n for c in largest)
        notes.append(
            f"With {pairs} pairs the smallest attainable p is {smallest_p(pairs):.2g}, times the "
            "number of targets in scope after Holm's correction; where that is above "
            f"{analysis.alpha:g} a claim cannot be settled. Nothing is corrected across claims."
        )
    return Section(task, blocks, caption, (*notes, *common_notes(context, task)))


def _block(context: Context, claim: Claim, findings: list[Finding]) -> Block:
    rows = []
    for finding in findings:
        question = finding.question
        head = (context.label(question.recipe), context.label(question.control), finding.verdict)
        lines = [_numbers(claim, c) for c in finding.comparisons] or [
            ("", finding.reason, "", ""),
        ]
        for i, line in enumerate(lines):
            rows.append(row(*(head if i == 0 else ("", "", "")), *line))
    unit = "ratio" if claim.statistic else "difference"
    return Block(
        ("recipe", "control", "verdict", "target", unit, "n", "Holm p"),
        tuple(rows),
        title=claim.id,
        lead=f"{claim.text} Source: {claim.source}.",
        text_columns=(0, 1, 2, 3),
    )


def _numbers(claim: Claim, comparison: Comparison) -> tuple[str, str, str, str]:
    interval = comparison.interval
    text = with_limits(interval, 2)
    if claim.statistic:
        text = f"{np.exp(-interval.estimate):.2f}"
        if interval.n > 1:
            text += f" [{np.exp(-interval.high):.2f}, {np.exp(-interval.low):.2f}]"
    return target_label(comparison.target), text, str(interval.n), p_text(comparison.p_holm)
