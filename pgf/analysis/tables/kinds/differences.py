"""The table of gains over each baseline, paired by seed, by a rule fixed beforehand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.judgement import Comparison, expected_by_chance
from pgf.analysis.tables.losses import losses_of, measure_of
from pgf.analysis.tables.model import Block, Cell, Row, Section, Table
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.published import BASELINE_OF_PAPER, base_label, published_differences
from pgf.analysis.tables.verdicts import NOT_TESTABLE
from pgf.analysis.tables.wording import (
    capitalized,
    common_notes,
    gain_decimals,
    p_text,
    percent,
    scale_text,
    with_limits,
)


@dataclass(frozen=True)
class Difference:
    """One recipe against one baseline at one target."""

    task: str
    baseline: str
    recipe: str
    comparison: Comparison
    verdict: str
    published: float
    """The paper's difference to SR-STE; NaN where it gives none."""


@TABLES.register("differences")
def differences(context: Context) -> Table:
    """Return the table: a section per task, a block per baseline."""
    families = _families(context)
    lines = every_difference(context)
    return Table(
        name="differences",
        title="Gains over the baselines, paired by seed",
        data=pd.DataFrame([_long(line) for line in lines], columns=list(LONG)),
        sections=tuple(
            _section(context, task, {b: f for (t, b), f in families.items() if t == task})
            for task in context.tasks
        ),
    )


def every_difference(context: Context) -> list[Difference]:
    """Return every comparison with a baseline, in the order of the table."""
    return [line for family in _families(context).values() for line in family]


def _families(context: Context) -> dict[tuple[str, str], list[Difference]]:
    """Return (task, baseline) -> the recipes against it."""
    return {
        (task, baseline): _differences(context, task, baseline)
        for task in context.tasks
        for baseline in context.analysis.baselines
        if baseline in context.columns_of(task)
    }


def _differences(context: Context, task: str, baseline: str) -> list[Difference]:
    losses = losses_of(context, task)
    published = _papers_differences(context, task, baseline)
    found = []
    for target in context.targets_of(task):
        grades = grade_of(context, task, target).grades
        for recipe in context.sparse_recipes(task):
            if recipe == baseline or losses.of(recipe, target).empty:
                continue
            comparison = compared(context, task, recipe, baseline, target)
            verdict = comparison.verdict if grades else NOT_TESTABLE
            papers = published.get((target, recipe), np.nan)
            found.append(Difference(task, baseline, recipe, comparison, verdict, papers))
    return found


def _margin_text(context: Context, task: str) -> str:
    if context.has_same_setup(task):
        return "No effect: neither, and the interval lies within the paper's own effect."
    points = f"{context.analysis.margin:g} points of recovered share"
    return f"No effect, whatever p: the interval lies within {points}."


def _papers_differences(context: Context, task: str, baseline: str) -> dict[tuple[str, str], float]:
    if base_label(context.label(baseline)) != BASELINE_OF_PAPER:
        return {}
    return published_differences(context, task)


LONG = (
    *("task", "baseline", "target", "recipe", "gain", "low", "high", "n", "diverged"),
    *("p", "p_exact", "margin", "verdict", "published_difference"),
)


def _long(line: Difference) -> tuple[object, ...]:
    c = line.comparison
    i = c.interval
    return (
        *(line.task, line.baseline, c.target, line.recipe, i.estimate, i.low, i.high, i.n),
        *(c.diverged, c.p, c.p_exact, c.margin, line.verdict, line.published),
    )


def _section(context: Context, task: str, families: dict[str, list[Difference]]) -> Section:
    analysis = context.analysis
    caption = (
        f"{capitalized(measure_of(context, task).name)} after the last step, gain of the recipe "
        f"over the baseline, more is better: mean over pairs of seeds with its {percent(analysis)} "
        "t interval, p of the paired t-test, and of the exact sign-flip test beside it. Better and "
        f"worse: p of the t-test at most {analysis.alpha:g}. {_margin_text(context, task)}"
        f"{scale_text(context, task)}"
    )
    notes = []
    for target in context.targets_of(task):
        if reason := grade_of(context, task, target).reason:
            notes.append(f"No verdict at {target_label(target)}, which does not grade: {reason}.")
    lines = [line for family in families.values() for line in family]
    made = [line.comparison for line in lines if line.verdict != NOT_TESTABLE]
    if said := expected_by_chance(made, analysis):
        notes.append(said)
    if not families:
        notes.append("No baseline of the analysis has runs of this task.")
    blocks = tuple(_block(context, baseline, family) for baseline, family in families.items())
    return Section(task, blocks, caption, (*notes, *common_notes(context, task, judged=True)))


def _block(context: Context, baseline: str, family: list[Difference]) -> Block:
    decimals = gain_decimals([line.comparison.interval for line in family])
    with_paper = any(np.isfinite(line.published) for line in family)
    header = ("target", "recipe", "gain", "n", "p", "exact p", "verdict")
    rows: list[Row] = []
    for line in family:
        c = line.comparison
        first = not rows or c.target != family[len(rows) - 1].comparison.target
        texts = [
            target_label(c.target) if first else "",
            context.label(line.recipe),
            with_limits(c.interval, decimals) if c.interval.n else "-",
            str(c.interval.n) + (f" †{c.diverged}" if c.diverged else ""),
            p_text(c.p),
            p_text(c.p_exact),
            line.verdict,
        ]
        cells = [Cell(text) for text in texts]
        if with_paper:
            shown = f"{line.published:+z.2f}" if np.isfinite(line.published) else ""
            cells.append(Cell(shown, italic=True))
        rows.append(tuple(cells))
    return Block(
        (*header, "paper's difference to SR-STE") if with_paper else header,
        tuple(rows),
        title=f"Against {context.label(baseline)}",
        text_columns=(0, 1, 6),
    )
