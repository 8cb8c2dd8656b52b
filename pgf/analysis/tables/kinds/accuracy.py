"""The metric of every recipe at every target, laid out as the paper's Table 2."""

import numpy as np
import pandas as pd

from pgf.analysis.tables.comparisons import BEST, LAST
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.grid import Entry, Grid, make_grid, value_text
from pgf.analysis.tables.measurements import VIEWS, metric_name
from pgf.analysis.tables.model import EMPTY, Block, Cell, Row, Section, Table, panels
from pgf.analysis.tables.published import paper_notes
from pgf.analysis.tables.registry import table
from pgf.analysis.tables.wording import (
    common_notes,
    decimals_for,
    percent,
    recipe_notes,
    scale_text,
    seeds_text,
    usual_count,
)

PANEL = 5
"""Sparse recipes beside each other; more go into a further panel, with Dense repeated."""


LONG = (
    *("task", "view", "target", "recipe", "mean", "low", "high", "n", "diverged"),
    *("supported_best", "published"),
)


@table("accuracy")
def accuracy(context: Context) -> Table:
    """Return the table: a section per task, a block per view of the metric."""
    grids = {
        (task, view): make_grid(context, task, view) for task in context.tasks for view in VIEWS
    }
    return Table(
        name="accuracy",
        title="Accuracy of every recipe at every target",
        data=pd.DataFrame(
            [line for key, grid in grids.items() for line in _long(key, grid)], columns=list(LONG)
        ),
        sections=tuple(
            _section(context, task, {view: grids[task, view] for view in VIEWS})
            for task in context.tasks
        ),
    )


def _long(key: tuple[str, str], grid: Grid) -> list[tuple[object, ...]]:
    task, view = key
    return [
        (
            *(task, {LAST: "last", BEST: "best"}[view], target, recipe),
            *(entry.interval.estimate, entry.interval.low, entry.interval.high, entry.interval.n),
            *(entry.diverged, entry.best, entry.published.value if entry.published else np.nan),
        )
        for (target, recipe), entry in grid.items()
    ]


def _section(context: Context, task: str, views: dict[str, Grid]) -> Section:
    metric, (_, higher) = metric_name(context, task), context.metric(task)
    entries = [entry for grid in views.values() for entry in grid.values()]
    counts = [entry.interval.n for entry in entries]
    decimals = decimals_for([entry.interval for entry in entries])
    blocks = []
    for view, grid in views.items():
        dense = context.dense_recipes(task)
        shown = {*context.columns_of(task), *context.missing_columns(task)} - {*dense}
        sparse = [name for name, _ in context.recipes if name in shown]
        for i, chunk in enumerate(panels(sparse, PANEL) or [[]]):
            title = VIEWS[view] + (" (continued)" if i else "")
            blocks.append(_block(context, task, grid, (*dense, *chunk), title, decimals))
    caption = (
        f"{metric[:1].upper()}{metric[1:]}, {'higher' if higher else 'lower'} is better: mean ± "
        f"half-width of the {percent(context.analysis)} t interval, "
        f"{seeds_text(counts, 'a cell says otherwise')}.{scale_text(context, task)}"
    )
    return Section(task, tuple(blocks), caption, _notes(context, task, views))


def _block(
    context: Context,
    task: str,
    grid: Grid,
    recipes: tuple[str, ...],
    title: str,
    decimals: int,
) -> Block:
    usual = usual_count([entry.interval.n for entry in grid.values()])
    rows: list[Row] = []
    for target in (*context.targets_of(task), *context.missing_rows(task)):
        line = [grid.get((target, recipe)) for recipe in recipes]
        cells = [
            Cell(value_text(entry, decimals, usual), bold=entry is not None and entry.best)
            for entry in line
        ]
        rows.append((Cell(target_label(target)), *cells))
        if any(entry and entry.published for entry in line[len(context.dense_recipes(task)) :]):
            rows += _paper_rows(context, task, line, decimals)
    header = ("target", *(context.label(recipe) for recipe in recipes))
    return Block(header, tuple(rows), title=title)


def _paper_rows(context: Context, task: str, line: list[Entry | None], decimals: int) -> list[Row]:
    printed = [e.published.text if e and e.published else "" for e in line]
    rows = [(Cell("paper", italic=True), *(Cell(text, italic=True) for text in printed))]
    if context.has_same_setup(task):
        rows.append(
            (
                Cell("difference", italic=True),
                *(
                    Cell(f"{e.interval.estimate - e.published.value:+z.{decimals}f}", italic=True)
                    if e and e.published and e.interval.n
                    else EMPTY
                    for e in line
                ),
            )
        )
    return rows


def _notes(context: Context, task: str, views: dict[str, Grid]) -> tuple[str, ...]:
    analysis = context.analysis
    notes = [
        "Bold: the paired exact sign-flip test finds the recipe better than every other sparse "
        f"one of its row, at a Holm-corrected p of at most {analysis.alpha:g}.",
        "The best evaluation is chosen on the data that it reports, among more evaluations for "
        "recipes that are at their target longer: an optimistic number, shown for the paper's "
        "sake and not tested.",
    ]
    others = len(context.sparse_recipes(task)) - 1
    pairs = max((e.interval.n for grid in views.values() for e in grid.values()), default=0)
    if pairs and others * 2.0 ** (1 - pairs) > analysis.alpha:
        notes.append(
            f"With {pairs} seeds and {others} other recipes the smallest attainable corrected p "
            f"is {min(1.0, others * 2.0 ** (1 - pairs)):.2g}, so no cell of a full row can be bold."
        )
    shown = [e.published for grid in views.values() for e in grid.values() if e.published]
    notes += paper_notes(context, [number.source for number in shown])
    if DENSE in set(context.task_runs(task)["target"]):
        notes.append("Dense runs prune nothing; they are the same in every row.")
    return (*notes, *recipe_notes(context, task), *common_notes(context, task))
