"""The table of the metric of every recipe at every target, laid out as the paper's Table 2."""

from functools import partial

import numpy as np
import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.losses import measure_of
from pgf.analysis.tables.mean_scores import MeanScore, MeanScores, mean_score_text, mean_scores
from pgf.analysis.tables.measurements import VIEWS, metric_name
from pgf.analysis.tables.model import EMPTY, Block, Cell, Row, Section, Table, recipe_blocks
from pgf.analysis.tables.published import paper_notes
from pgf.analysis.tables.scores import BEST, LAST
from pgf.analysis.tables.wording import (
    better,
    capitalized,
    common_notes,
    decimals_for,
    percent,
    recipe_notes,
    scale_text,
    seeds_text,
    usual_count,
)

LONG = (
    *("task", "view", "target", "recipe", "mean", "low", "high", "n", "diverged"),
    *("supported_best", "published"),
)


@TABLES.register("accuracy")
def accuracy(context: Context) -> Table:
    """Return the table: a section per task, a block per view of the metric."""
    found = {
        (task, view): mean_scores(context, task, view) for task in context.tasks for view in VIEWS
    }
    return Table(
        name="accuracy",
        title="Accuracy of every recipe at every target",
        data=pd.DataFrame(
            [line for key, scores in found.items() for line in _long(key, scores)],
            columns=list(LONG),
        ),
        sections=tuple(
            _section(context, task, {view: found[task, view] for view in VIEWS})
            for task in context.tasks
        ),
    )


def _long(key: tuple[str, str], scores: MeanScores) -> list[tuple[object, ...]]:
    task, view = key
    return [
        (
            *(task, {LAST: "last", BEST: "best"}[view], target, recipe),
            *(entry.interval.estimate, entry.interval.low, entry.interval.high, entry.interval.n),
            *(entry.diverged, entry.best, entry.published.value if entry.published else np.nan),
        )
        for (target, recipe), entry in scores.items()
    ]


def _section(context: Context, task: str, views: dict[str, MeanScores]) -> Section:
    entries = [entry for scores in views.values() for entry in scores.values()]
    counts = [entry.interval.n for entry in entries]
    decimals = decimals_for([entry.interval for entry in entries])
    blocks = []
    for view, scores in views.items():
        dense = context.dense_recipes(task)
        wanted = {*context.columns_of(task), *context.missing_columns(task)} - {*dense}
        sparse = [name for name, _ in context.recipes if name in wanted]
        make = partial(_block, context, task, scores, VIEWS[view], decimals)
        blocks += recipe_blocks(make, dense, sparse)
    caption = (
        f"{capitalized(metric_name(context, task))}, {better(context, task)} is better: mean ± "
        f"half-width of the {percent(context.analysis)} t interval, "
        f"{seeds_text(counts, 'a cell says otherwise')}.{scale_text(context, task)}"
    )
    return Section(task, tuple(blocks), caption, _notes(context, task, views))


def _block(
    context: Context,
    task: str,
    scores: MeanScores,
    title: str,
    decimals: int,
    recipes: tuple[str, ...],
) -> Block:
    usual = usual_count([entry.interval.n for entry in scores.values()])
    rows: list[Row] = []
    for target in (*context.targets_of(task), *context.missing_rows(task)):
        line = [scores.get((target, recipe)) for recipe in recipes]
        cells = [
            Cell(mean_score_text(entry, decimals, usual), bold=entry is not None and entry.best)
            for entry in line
        ]
        rows.append((Cell(target_label(target)), *cells))
        if any(entry and entry.published for entry in line[len(context.dense_recipes(task)) :]):
            rows += _paper_rows(line, decimals)
    header = ("target", *(context.label(recipe) for recipe in recipes))
    return Block(header, tuple(rows), title=title)


def _paper_rows(line: list[MeanScore | None], decimals: int) -> list[Row]:
    printed = [e.published.text if e and e.published else "" for e in line]
    differences = (
        Cell(f"{e.interval.estimate - e.published.value:+z.{decimals}f}", italic=True)
        if e and e.published and e.interval.n
        else EMPTY
        for e in line
    )
    return [
        (Cell("paper", italic=True), *(Cell(text, italic=True) for text in printed)),
        (Cell("difference", italic=True), *differences),
    ]


def _notes(context: Context, task: str, views: dict[str, MeanScores]) -> tuple[str, ...]:
    analysis = context.analysis
    notes = [
        "Bold: the paired t-test finds the recipe better than every other sparse one of its "
        f"target, on the {measure_of(context, task).name}, each at a p of at most "
        f"{analysis.alpha:g} and not within the margin; only where the task grades.",
        "The best evaluation is chosen on the data that it reports, among more evaluations for "
        "recipes that are at their target longer: an optimistic number, shown for the paper's "
        "sake and not tested.",
    ]
    shown = [e.published for scores in views.values() for e in scores.values() if e.published]
    notes += paper_notes(context, [number.source for number in shown])
    if DENSE in set(context.task_runs(task)["target"]):
        notes.append("Dense runs prune nothing; they are the same in every row.")
    return (*notes, *recipe_notes(context, task), *common_notes(context, task))
