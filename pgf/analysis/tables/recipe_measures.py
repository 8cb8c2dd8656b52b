"""Every measure of each recipe at each target, and the paper's numbers below it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.measurements import Column
from pgf.analysis.tables.published import base_label, labels_of, match_recipes, table_of
from pgf.analysis.tables.scores import BEST, LAST, scores_of
from pgf.experiments import PublishedSettings

NAMES = {LAST: "last", BEST: "best"}
"""View -> its name in the CSV file; `paper` is the third."""


@dataclass(frozen=True)
class RecipeMeasures:
    """One recipe at one target, in one view."""

    target: str
    recipe: str
    diverged: int
    intervals_by_column: tuple[tuple[Interval, ...], ...]
    """For each column its measures' intervals, and the one of their mean where they are two."""


@dataclass(frozen=True)
class PaperMeasures:
    """The numbers of one published table that have a column here."""

    source: PublishedSettings
    numbers: pd.DataFrame
    """As `published.table_of` gives them, a dense row once, and the `column` of each."""
    names: dict[str, list[str]]
    """Recipe -> those of the paper that stand below it."""


LONG = (*("task", "view", "target", "recipe", "measure", "mean", "low", "high", "n", "diverged"),)


def long_rows(
    task: str, view: str, lines: Sequence[RecipeMeasures], columns: Sequence[Column]
) -> list[tuple[object, ...]]:
    """Return the rows of the CSV file for one view of a task, in the order of `LONG`."""
    return [
        (task, view, x.target, x.recipe, name, i.estimate, i.low, i.high, i.n, x.diverged)
        for x in lines
        for column, intervals in zip(columns, x.intervals_by_column, strict=True)
        for name, i in zip(
            [*column.measures, column.name][: len(intervals)], intervals, strict=True
        )
    ]


def long_rows_of_paper(task: str, paper: PaperMeasures) -> list[tuple[object, ...]]:
    """Return the rows of the CSV file for one published table, in the order of `LONG`."""
    wanted = {name for names in paper.names.values() for name in names}
    shown = paper.numbers[paper.numbers["recipe"].isin(wanted)]
    return [
        (task, "paper", x.target, x.recipe, x.column, x.value, np.nan, np.nan, 1, 0)
        for x in shown.itertuples()
    ]


def recipe_measures(
    context: Context, task: str, view: str, columns: Sequence[Column]
) -> list[RecipeMeasures]:
    """Return the measures of a task in one view, dense first, then target by target."""
    runs = context.task_runs(task)
    known = {
        measure: scores_of(context, task, f"{view}.{measure}")
        for column in columns
        for measure in column.measures
        if f"{view}.{measure}" in runs
    }
    rows = [(DENSE, recipe) for recipe in context.dense_recipes(task)]
    rows += [(t, r) for t in context.targets_of(task) for r in context.sparse_recipes(task)]
    main = scores_of(context, task)
    confidence = context.analysis.confidence

    def intervals(column: Column, target: str, recipe: str) -> tuple[Interval, ...]:
        empty = pd.Series(dtype="float64")
        values = [known[m].of(recipe, target) if m in known else empty for m in column.measures]
        if len(values) > 1:
            values.append((sum(values[1:], values[0]) / len(values)).dropna())
        return tuple(mean_interval(v.to_numpy(), confidence=confidence) for v in values)

    return [
        RecipeMeasures(
            target=target,
            recipe=recipe,
            diverged=main.diverged_in(recipe, target),
            intervals_by_column=tuple(intervals(column, target, recipe) for column in columns),
        )
        for target, recipe in rows
        if (recipe, target) in main.values
    ]


def paper_measures(context: Context, task: str, columns: Sequence[Column]) -> list[PaperMeasures]:
    """Return the numbers of the published tables that a task is shown beside."""
    by_name = {name: c.name for c in columns for name in (*c.measures, c.name, c.heading)}
    found = []
    for source in context.papers_entries(task):
        numbers = table_of(context.published, source)
        numbers = numbers.assign(column=numbers["metric"].map(by_name)).dropna(subset="column")
        dense = numbers["recipe"].map(base_label).str.lower() == DENSE
        numbers = numbers.assign(target=numbers["target"].mask(dense, DENSE))
        numbers = numbers.drop_duplicates(["column", "target", "recipe"])
        if not numbers.empty:
            names = match_recipes(labels_of(context, task), numbers["recipe"])
            found.append(PaperMeasures(source, numbers, names))
    return found


def sources_of(
    papers: Sequence[PaperMeasures], views: Mapping[str, list[RecipeMeasures]]
) -> list[PublishedSettings]:
    """Return the published tables of which any number is shown."""
    rows = [line for lines in views.values() for line in lines]
    return [paper.source for paper in papers if any(printed_rows(paper, line) for line in rows)]


def printed_rows(paper: PaperMeasures, line: RecipeMeasures) -> dict[str, dict[str, str]]:
    """Return the paper's rows that stand below one of ours: its recipe -> column -> text."""
    rows: dict[str, dict[str, str]] = {}
    here = paper.numbers[paper.numbers["target"] == line.target]
    for name in paper.names.get(line.recipe, ()):
        for number in here[here["recipe"] == name].itertuples():
            # Table 12 prints pairs in full in the note, and their mean is the value.
            text = number.note if "/" in str(number.note) else number.printed
            rows.setdefault(name, {})[str(number.column)] = str(text)
    return rows
