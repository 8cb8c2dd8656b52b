"""The table of the paper's claims, each with the verdict of the runs."""

import math

import numpy as np
import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.claim_kinds import RATIO_MARGIN, Question
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.judgement import Comparison
from pgf.analysis.tables.losses import measure_of
from pgf.analysis.tables.model import Block, Row, Section, Table, row
from pgf.analysis.tables.paper_claims import Claim
from pgf.analysis.tables.phases import phases_of
from pgf.analysis.tables.verdicts import Finding, verdict_on
from pgf.analysis.tables.wording import (
    SMALL_SCALE,
    common_notes,
    gain_decimals,
    no_longest,
    p_text,
    percent,
    with_limits,
)

LONG = (
    *("task", "claim", "recipe", "control", "target", "estimate", "low", "high", "n", "diverged"),
    *("p", "p_exact", "margin", "comparison", "verdict", "reason"),
)


@TABLES.register("claims")
def claims(context: Context) -> Table:
    """Return the table: a section per task, a block per claim, a row per pair of roles."""
    findings = findings_of(context)
    return Table(
        name="claims",
        title="What the paper claims, and what these runs say",
        data=pd.DataFrame([line for f in findings for line in _long(f)], columns=list(LONG)),
        sections=(
            *(
                _section(context, task, [f for f in findings if f.question.task == task])
                for task in context.judged_tasks
            ),
            *(Section(task, (), no_longest(task)) for task in context.absent_longest),
        ),
    )


def findings_of(context: Context) -> list[Finding]:
    """Return the verdict on every claim for every task that it speaks of."""
    return context.remembered("findings", lambda: _findings(context))


def _findings(context: Context) -> list[Finding]:
    means = phases_of(context)
    return [
        verdict_on(context, means, Question(claim, task, recipe, control))
        for task in context.judged_tasks
        for claim in context.claims
        if not claim.metrics or context.metric(task)[0] in claim.metrics
        for recipe in claim.recipes
        for control in claim.controls
    ]


def _long(finding: Finding) -> list[tuple[object, ...]]:
    question = finding.question
    head = (question.task, question.claim.id, question.recipe, question.control)
    tail = (finding.verdict, finding.reason)
    if not finding.comparisons:
        return [(*head, "", *[np.nan] * 3, 0, 0, *[np.nan] * 3, "", *tail)]
    return [
        (
            *(*head, c.target, i.estimate, i.low, i.high, i.n, c.diverged),
            *(c.p, c.p_exact, c.margin, c.verdict, *tail),
        )
        for c in finding.comparisons
        for i in [c.interval]
    ]


def _section(context: Context, task: str, findings: list[Finding]) -> Section:
    analysis = context.analysis
    scale = "The task has the paper's own setup."
    if not context.has_same_setup(task):
        scale = f"The task is {SMALL_SCALE}."
    caption = (
        f"{scale} Pairs of runs with the same seed are compared by the t-test at "
        f"{analysis.alpha:g}. Reproduced: better at every target in the claim's scope. Opposite: "
        "worse at one or more, corrected by Holm over them. No effect: at every target the "
        f"interval lies within the margin, {analysis.margin:g} points of recovered share, or the "
        f"paper's own effect where the set-up is the paper's; of statistics a ratio up to "
        f"{math.exp(RATIO_MARGIN):.3g}. Excluded: the set-up is the paper's, "
        "and an interval lies below the paper's number. Not testable here: too few runs, or a task "
        "that does not grade (table `grading`). Not settled: the rest. Numbers: mean gain in "
        f"{measure_of(context, task).name} over pairs, more is better, with its "
        f"{percent(analysis)} t interval; for statistics the ratio of means over seeds, recipe to "
        "control or last third to first, with its jackknife interval."
    )
    asked = [c for c in context.claims if any(f.question.claim is c for f in findings)]
    blocks = tuple(
        _block(context, claim, [f for f in findings if f.question.claim is claim])
        for claim in asked
    )
    notes = ["Nothing is corrected across claims."] if asked else ["No claims were given."]
    return Section(task, blocks, caption, (*notes, *common_notes(context, task, judged=True)))


def _block(context: Context, claim: Claim, findings: list[Finding]) -> Block:
    intervals = [c.interval for f in findings for c in f.comparisons]
    decimals = gain_decimals(intervals)
    rows = [line for finding in findings for line in finding_rows(context, finding, decimals)]
    unit = "ratio" if claim.statistic else "gain"
    return Block(
        ("recipe", "control", "verdict", "target", unit, "n", "p", "exact p"),
        tuple(rows),
        title=claim.id,
        lead=f"{claim.text} Source: {claim.source}.",
        text_columns=(0, 1, 2, 3),
    )


def finding_rows(context: Context, finding: Finding, decimals: int) -> list[Row]:
    """Return recipe, control, verdict, target, gain or ratio, n, p and exact p; a row a target."""
    question = finding.question
    names = [_name(context, question.task, r) for r in (question.recipe, question.control)]
    head = (*names, finding.verdict)
    lines = [_numbers(question.claim, c, decimals) for c in finding.comparisons]
    lines += [("", finding.reason, "", "", "")] if finding.reason else []
    return [row(*(head if i == 0 else ("", "", "")), *line) for i, line in enumerate(lines)]


def _name(context: Context, task: str, role: str) -> str:
    return context.label(context.column_of(task, role) or role) if role else ""


def _numbers(claim: Claim, comparison: Comparison, decimals: int) -> tuple[str, ...]:
    interval = comparison.interval
    text = with_limits(interval, decimals)
    if claim.statistic:
        text = f"{np.exp(-interval.estimate):.2f}"
        if interval.n > 1:
            text += f" [{np.exp(-interval.high):.2f}, {np.exp(-interval.low):.2f}]"
    target = target_label(comparison.target)
    if claim.control_target:
        target += f", control at {target_label(claim.control_target)}"
    pairs = str(interval.n) + (f" †{comparison.diverged}" if comparison.diverged else "")
    return target, text, pairs, p_text(comparison.p), p_text(comparison.p_exact)
