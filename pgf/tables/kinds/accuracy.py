"""The metric of every recipe at every target, laid out as the paper's Table 2."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.statistics import Interval, mean_interval
from pgf.tables.comparisons import BEST, LAST, Cells, cells_of, compare_family, paired_values
from pgf.tables.context import (
    DENSE,
    Context,
    paper_source,
    published_names,
    published_rows,
    target_label,
)
from pgf.tables.model import EMPTY, NO_RUN, Block, Cell, Row, Section, Table, panels, row
from pgf.tables.registry import table
from pgf.tables.render import to_text
from pgf.tables.wording import (
    common_notes,
    decimals_for,
    percent,
    scale_text,
    seeds_text,
    usual_count,
    with_half_width,
)

VIEWS = {LAST: "After the last step", BEST: "Best evaluation at the strict target"}
PANEL = 5
"""Sparse recipes beside each other; more go into a further panel, with Dense repeated."""


@dataclass(frozen=True)
class Entry:
    """One cell before it is text."""

    interval: Interval
    diverged: int
    best: bool
    published: str
    """The paper's number as printed; empty where it has none."""


Grid = dict[tuple[str, str], Entry]
"""(target, recipe) -> cell."""


@table("accuracy")
def accuracy(context: Context) -> Table:
    """Return the table: a section per task, a block per view of the metric."""
    grids = {(task, view): _grid(context, task, view) for task in context.tasks for view in VIEWS}
    return Table(
        name="accuracy",
        title="Accuracy of every recipe at every target",
        data=pd.DataFrame([line for key, grid in grids.items() for line in _long(key, grid)]),
        sections=tuple(
            _section(context, task, {view: grids[task, view] for view in VIEWS})
            for task in context.tasks
        ),
    )


def terminal_view(context: Context, *, width: int = 110) -> str:
    """Return the accuracy after the last step as plain text, recipes down and targets across."""
    blocks = []
    for task in context.tasks:
        grid = _grid(context, task, LAST)
        decimals = decimals_for([entry.interval for entry in grid.values()])
        usual = usual_count([entry.interval.n for entry in grid.values()])
        recipes = context.columns_of(task)
        names = max((len(context.label(recipe)) for recipe in recipes), default=0)
        fitting = max(1, (width - names) // 22)
        for chunk in panels(context.targets_of(task), fitting):
            rows = tuple(
                row(
                    context.label(recipe),
                    *(_value(grid.get((t, recipe)), decimals, usual) for t in chunk),
                )
                for recipe in recipes
            )
            header = ("recipe", *(target_label(target) for target in chunk))
            title = f"{task}: {context.metric(task)[0]} after the last step"
            blocks.append(to_text(Block(header, rows, title=title)))
    return "\n\n".join(blocks) + "\n"


def _grid(context: Context, task: str, view: str) -> Grid:
    cells = cells_of(context, task, view)
    published = _published(context, task)
    grid = {}
    for target in context.targets_of(task):
        best = _supported_best(context, task, cells, target)
        for recipe in context.columns_of(task):
            values = cells.of(recipe, target).to_numpy()
            diverged = cells.diverged_in(recipe, target)
            if values.size or diverged:
                grid[target, recipe] = Entry(
                    interval=mean_interval(values, confidence=context.analysis.confidence),
                    diverged=diverged,
                    best=recipe == best,
                    published=published.get((target, recipe), ""),
                )
    return grid


def _published(context: Context, task: str) -> dict[tuple[str, str], str]:
    ours = {paper: recipe for recipe, paper in published_names(context, task).items()}
    lines = published_rows(context, task)
    return {
        (target, ours[recipe]): printed
        for target, recipe, printed in zip(
            lines["target"], lines["recipe"], lines["printed"], strict=True
        )
        if recipe in ours
    }


def _supported_best(context: Context, task: str, cells: Cells, target: str) -> str | None:
    """Return the recipe that the decision rule finds better than every other of its row."""
    sign = 1.0 if context.metric(task)[1] else -1.0
    means = {
        recipe: sign * float(values.mean())
        for recipe in context.sparse_recipes(task)
        if (values := cells.of(recipe, target)).size
    }
    if len(means) < 2:
        return None
    best = max(means, key=lambda recipe: means[recipe])
    family = [
        (target, sign * paired_values(cells.of(best, target), cells.of(other, target)))
        for other in means
        if other != best
    ]
    found = compare_family(family, context.analysis)
    return best if all(c.verdict == "above" for c in found) else None


def _long(key: tuple[str, str], grid: Grid) -> list[dict[str, object]]:
    task, view = key
    return [
        {
            "task": task,
            "view": {LAST: "last", BEST: "best"}[view],
            "target": target,
            "recipe": recipe,
            "mean": entry.interval.estimate,
            "low": entry.interval.low,
            "high": entry.interval.high,
            "n": entry.interval.n,
            "diverged": entry.diverged,
            "supported_best": entry.best,
            "published": float(entry.published) if entry.published else np.nan,
        }
        for (target, recipe), entry in grid.items()
    ]


def _section(context: Context, task: str, views: dict[str, Grid]) -> Section:
    metric, higher = context.metric(task)
    entries = [entry for grid in views.values() for entry in grid.values()]
    counts = [entry.interval.n for entry in entries]
    decimals = decimals_for([entry.interval for entry in entries])
    blocks = []
    for view, grid in views.items():
        dense = context.dense_recipes(task)
        sparse = [name for name in context.columns_of(task) if name not in dense]
        for i, chunk in enumerate(panels(sparse, PANEL) or [[]]):
            title = VIEWS[view] + (" (continued)" if i else "")
            blocks.append(_block(context, task, grid, (*dense, *chunk), title, decimals))
    caption = (
        f"{metric[:1].upper()}{metric[1:]}, {'higher' if higher else 'lower'} is better: mean ± "
        f"half-width of the {percent(context.analysis)} t interval, {seeds_text(counts, 'a cell says otherwise')}."
        f"{scale_text(context, task)}"
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
    for target in context.targets_of(task):
        line = [grid.get((target, recipe)) for recipe in recipes]
        cells = [
            Cell(_value(entry, decimals, usual), bold=entry is not None and entry.best)
            for entry in line
        ]
        rows.append((Cell(target_label(target)), *cells))
        if any(entry and entry.published for entry in line[len(context.dense_recipes(task)) :]):
            rows += _paper_rows(context, task, line, decimals)
    header = ("target", *(context.label(recipe) for recipe in recipes))
    return Block(header, tuple(rows), title=title)


def _value(entry: Entry | None, decimals: int, usual: int) -> str:
    if entry is None:
        return NO_RUN.text
    text = with_half_width(entry.interval, decimals) if entry.interval.n else ""
    text += f" (n={entry.interval.n})" if entry.interval.n not in (0, usual) else ""
    text += f" †{entry.diverged}" if entry.diverged else ""
    return text.strip()


def _paper_rows(context: Context, task: str, line: list[Entry | None], decimals: int) -> list[Row]:
    printed = [entry.published if entry else "" for entry in line]
    rows = [(Cell("paper", italic=True), *(Cell(text, italic=True) for text in printed))]
    if context.has_same_setup(task):
        rows.append(
            (
                Cell("difference", italic=True),
                *(
                    Cell(f"{e.interval.estimate - float(e.published):+z.{decimals}f}", italic=True)
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
        f"one of its row, at a Holm-corrected p of at most {analysis.alpha:g}."
    ]
    others = len(context.sparse_recipes(task)) - 1
    pairs = max((e.interval.n for grid in views.values() for e in grid.values()), default=0)
    if pairs and others * 2.0 ** (1 - pairs) > analysis.alpha:
        notes.append(
            f"With {pairs} seeds and {others} other recipes the smallest attainable corrected p "
            f"is {min(1.0, others * 2.0 ** (1 - pairs)):.2g}, so no cell of a full row can be bold."
        )
    if any(entry.published for grid in views.values() for entry in grid.values()):
        source = paper_source(context, analysis.published[task])
        notes.append(
            f"paper: {source}, as published: one run per cell, partly the best and partly the "
            "last epoch."
        )
    if DENSE in set(context.task_runs(task)["target"]):
        notes.append("Dense runs prune nothing; they are the same in every row.")
    return (*notes, *common_notes(context, task))
