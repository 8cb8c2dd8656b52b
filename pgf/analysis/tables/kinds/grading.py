"""The table of admission: which task and target can tell recipes apart, and who recovers what."""

import math
from functools import partial

import pandas as pd

from pgf.analysis.statistics import Interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.admission import (
    DENSE_GAP,
    REMOVED_GAP,
    Grade,
    grade_of,
    recovered,
)
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.losses import losses_of, measure_of
from pgf.analysis.tables.model import NO_RUN, Block, Cell, Section, Table, recipe_blocks, row
from pgf.analysis.tables.shares import share_cell
from pgf.analysis.tables.wording import common_notes, percent, scale_text

LONG = (
    *("task", "target", "recipe", "recovered", "low", "high", "n", "removed_gap", "dense_gap"),
    *("spread", "columns_spread", "smallest_effect", "grades", "reason"),
)


@TABLES.register("grading")
def grading(context: Context) -> Table:
    """Return the table: a section per task, admission first, then the recovered shares."""
    return Table(
        name="grading",
        title="Which targets tell recipes apart, and the share that each recipe recovers",
        data=pd.DataFrame(
            [
                _long(grade, recipe, recovered(context, task, target, recipe))
                for task in context.tasks
                for target in context.targets_of(task)
                for grade in [grade_of(context, task, target)]
                for recipe in context.columns_of(task)
            ],
            columns=list(LONG),
        ),
        sections=tuple(_section(context, task) for task in context.tasks),
    )


def _long(grade: Grade, recipe: str, share: Interval) -> tuple[object, ...]:
    return (
        *(grade.task, grade.target, recipe, share.estimate, share.low, share.high, share.n),
        *(grade.removed_gap.estimate, grade.dense_gap.estimate, grade.spread),
        *(grade.columns_spread, grade.smallest, grade.grades, grade.reason),
    )


def admission_caption(context: Context, *tasks: str) -> str:
    """Return how a target of these tasks is admitted."""
    measures = " or ".join(dict.fromkeys(measure_of(context, task).name for task in tasks))
    return (
        f"On the {measures} after the last step, sd the standard deviation over seeds of random "
        f"mask - dense. A target grades when removed is at least {REMOVED_GAP:g} sd worse than the "
        f"random mask (the layers are needed) and the random mask at least {DENSE_GAP:g} sd worse "
        "than dense (pruning costs something). Other columns do not count. Smallest effect: found "
        f"with a power of 80% at {context.analysis.alpha:g} by a recipe whose differences to dense "
        "spread by one sd. Sd of columns: the same standard deviation, pooled over all sparse "
        "columns but removed and those with a diverged run."
    )


def shares_caption(context: Context) -> str:
    """Return what a recovered share is."""
    return (
        "Recovered share: (random - recipe) / (random - dense) in percent, of means over seeds, "
        f"with its {percent(context.analysis)} bootstrap interval: 0 is a random mask, 100 is "
        "dense, and below 0 a random mask is better."
    )


def _section(context: Context, task: str) -> Section:
    said = (admission_caption(context, task), shares_caption(context))
    caption = f"{' '.join(said)}{scale_text(context, task)}"
    grades = [grade_of(context, task, target) for target in context.targets_of(task)]
    sparse = [name for name in context.columns_of(task) if name not in context.dense_recipes(task)]
    shares = partial(_shares, context, task, "Recovered share in percent")
    blocks = [admission_block(grades), *recipe_blocks(shares, (), sparse)]
    return Section(task, tuple(blocks), caption, common_notes(context, task, judged=True))


def admission_block(grades: list[Grade], *, title: str = "Admission") -> Block:
    """Return the gaps of targets, and whether each grades."""
    header = (
        *("target", "grades", "removed - random", "random - dense", "sd"),
        *("sd of columns", "n", "smallest effect"),
    )
    rows = [
        row(
            target_label(grade.target),
            "yes" if grade.grades else f"no: {grade.reason}",
            _gap(grade.removed_gap, grade.spread),
            _gap(grade.dense_gap, grade.spread),
            _number(grade.spread),
            _number(grade.columns_spread),
            str(grade.n),
            _smallest(grade),
        )
        for grade in grades
    ]
    return Block(header, tuple(rows), title=title, text_columns=(0, 1))


def _gap(gap: Interval, spread: float) -> str:
    if not gap.n:
        return NO_RUN.text
    return f"{gap.estimate / spread:.1f} sd" if spread > 0 else "-"


def _smallest(grade: Grade) -> str:
    if not math.isfinite(grade.smallest):
        return "-"
    gap = grade.dense_gap.estimate
    share = f" ({100 * grade.smallest / gap:.0f} points)" if gap > 0 else ""
    return f"{_number(grade.smallest)}{share}"


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "-"


def _shares(context: Context, task: str, title: str, recipes: tuple[str, ...]) -> Block:
    rows, losses = [], losses_of(context, task)
    for target in context.targets_of(task):
        cells = [
            share_cell(recovered(context, task, target, recipe), losses.diverged_in(recipe, target))
            for recipe in recipes
        ]
        rows.append((Cell(target_label(target)), *cells))
    header = ("target", *(context.label(recipe) for recipe in recipes))
    return Block(header, tuple(rows), title=title)
