"""The table of differences to each baseline, paired by seed, by a rule fixed beforehand."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.comparisons import (
    Comparison,
    attainable,
    compare_family,
    paired_values,
    scores_of,
)
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import Block, Cell, Row, Section, Table
from pgf.analysis.tables.published import BASELINE_OF_PAPER, base_label, published_differences
from pgf.analysis.tables.wording import (
    better,
    capitalized,
    common_notes,
    decimals_for,
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
    diverged: int
    published: float
    """The paper's difference to SR-STE; NaN where it gives none."""


@TABLES.register("differences")
def differences(context: Context) -> Table:
    """Return the table: a section per task, a block per baseline."""
    families = {
        (task, baseline): _differences(context, task, baseline)
        for task in context.tasks
        for baseline in context.analysis.baselines
        if baseline in context.columns_of(task)
    }
    lines = [line for family in families.values() for line in family]
    return Table(
        name="differences",
        title="Differences to the baselines, paired by seed",
        data=pd.DataFrame([_long(line) for line in lines], columns=list(LONG)),
        sections=tuple(
            _section(context, task, {b: f for (t, b), f in families.items() if t == task})
            for task in context.tasks
        ),
    )


def _differences(context: Context, task: str, baseline: str) -> list[Difference]:
    families = (_family(context, task, baseline, target) for target in context.targets_of(task))
    return [line for family in families for line in family]


def _family(context: Context, task: str, baseline: str, target: str) -> list[Difference]:
    """Return the comparisons that Holm's correction takes together: those of one target."""
    scores = scores_of(context, task)
    keys = [
        (target, recipe)
        for recipe in context.sparse_recipes(task)
        if recipe != baseline and scores.key(recipe, target) in scores.values
    ]
    pairs = [
        (target, paired_values(scores.of(recipe, target), scores.of(baseline, target)))
        for target, recipe in keys
    ]
    published = _papers_differences(context, task, baseline)
    return [
        Difference(
            task=task,
            baseline=baseline,
            recipe=recipe,
            comparison=comparison,
            diverged=scores.diverged_in(recipe, target) + scores.diverged_in(baseline, target),
            published=published.get((target, recipe), np.nan),
        )
        for (target, recipe), comparison in zip(
            keys, compare_family(pairs, context.analysis), strict=True
        )
    ]


def _papers_differences(context: Context, task: str, baseline: str) -> dict[tuple[str, str], float]:
    if base_label(context.label(baseline)) != BASELINE_OF_PAPER:
        return {}
    return published_differences(context, task)


LONG = (
    *("task", "baseline", "target", "recipe", "difference", "low", "high", "n", "diverged"),
    *("p", "p_holm", "smallest_p", "verdict", "published_difference"),
)


def _long(line: Difference) -> tuple[object, ...]:
    c = line.comparison
    i = c.interval
    return (
        *(line.task, line.baseline, c.target, line.recipe, i.estimate, i.low, i.high, i.n),
        *(line.diverged, c.p, c.p_holm, c.smallest_p, c.verdict, line.published),
    )


def _section(context: Context, task: str, families: dict[str, list[Difference]]) -> Section:
    caption = (
        f"{capitalized(metric_name(context, task))} after the last step ({better(context, task)} "
        f"is better), recipe minus baseline: mean over pairs of seeds with its "
        f"{percent(context.analysis)} t interval, p of the exact sign-flip test, and Holm's "
        "correction over the comparisons of one target with the baseline. Above and below zero are "
        f"verdicts at a corrected p of at most {context.analysis.alpha:g}."
        f"{scale_text(context, task)}"
    )
    notes = [
        f"{context.label(baseline)}: {attainable(_largest_family(family), context.analysis)}"
        for baseline, family in families.items()
    ]
    if not families:
        notes.append("No baseline of the analysis has runs of this task.")
    blocks = tuple(_block(context, baseline, family) for baseline, family in families.items())
    return Section(task, blocks, caption, (*notes, *common_notes(context, task)))


def _largest_family(lines: list[Difference]) -> list[Comparison]:
    by_target: dict[str, list[Comparison]] = {}
    for line in lines:
        by_target.setdefault(line.comparison.target, []).append(line.comparison)
    return max(by_target.values(), key=len, default=[])


def _block(context: Context, baseline: str, family: list[Difference]) -> Block:
    decimals = decimals_for([line.comparison.interval for line in family]) + 1
    with_paper = any(np.isfinite(line.published) for line in family)
    header = ("target", "recipe", "difference", "n", "p", "Holm p", "verdict")
    rows: list[Row] = []
    for line in family:
        c = line.comparison
        first = not rows or c.target != family[len(rows) - 1].comparison.target
        texts = [
            target_label(c.target) if first else "",
            context.label(line.recipe),
            with_limits(c.interval, decimals) if c.interval.n else "-",
            str(c.interval.n) + (f" †{line.diverged}" if line.diverged else ""),
            p_text(c.p),
            p_text(c.p_holm),
            c.verdict,
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
