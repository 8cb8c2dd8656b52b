"""Every measure of a task's evaluation, laid out as the paper's Table 12."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.comparisons import BEST, LAST, cells_of
from pgf.analysis.tables.context import COMPLETE, DENSE, Context, target_label
from pgf.analysis.tables.measurements import VIEWS, Column, columns_of, measures_of
from pgf.analysis.tables.model import EMPTY, NO_RUN, Block, Cell, Row, Section, Table, row
from pgf.analysis.tables.published import (
    base_label,
    labels_of,
    match_recipes,
    paper_notes,
    table_of,
)
from pgf.analysis.tables.registry import table
from pgf.analysis.tables.wording import (
    common_notes,
    decimals_for,
    percent,
    scale_text,
    seeds_text,
    usual_count,
    with_half_width,
)
from pgf.experiments.settings import PublishedSettings

SIGNATURE = "measure_signature."
NAMES = {LAST: "last", BEST: "best"}
"""View -> its name in the CSV file; `paper` is the third."""


@dataclass(frozen=True)
class Line:
    """One recipe at one target, in one view."""

    target: str
    recipe: str
    diverged: int
    cells: tuple[tuple[Interval, ...], ...]
    """For each column its measures' intervals, and the one of their mean where they are two."""


@dataclass(frozen=True)
class Paper:
    """The numbers of one published table that have a column here."""

    source: PublishedSettings
    numbers: pd.DataFrame
    """As `published.table_of` gives them, a dense row once, and the `column` of each."""
    names: dict[str, list[str]]
    """Recipe -> those of the paper that stand below it."""


@table("measures")
def measures(context: Context) -> Table:
    """Return the table: a section per task, a block per view of its measures."""
    lines: list[tuple[object, ...]] = []
    sections = []
    for task in context.tasks:
        names = measures_of(context, task)
        if len(names) < 2:
            sections.append(_nothing(context, task))
            continue
        columns = columns_of(names)
        views = {view: _lines(context, task, view, columns) for view in VIEWS}
        papers = _papers(context, task, columns)
        lines += [long for view in VIEWS for long in _long(task, NAMES[view], views[view], columns)]
        lines += [long for paper in papers for long in _long_paper(task, paper)]
        sections.append(_section(context, task, columns, views, papers))
    return Table(
        name="measures",
        title="All measures of every recipe at every target",
        data=pd.DataFrame(lines, columns=list(LONG)),
        sections=tuple(sections),
    )


LONG = (*("task", "view", "target", "recipe", "measure", "mean", "low", "high", "n", "diverged"),)


def _long(
    task: str, view: str, lines: Sequence[Line], columns: Sequence[Column]
) -> list[tuple[object, ...]]:
    return [
        (task, view, x.target, x.recipe, name, i.estimate, i.low, i.high, i.n, x.diverged)
        for x in lines
        for column, intervals in zip(columns, x.cells, strict=True)
        for name, i in zip(
            [*column.measures, column.name][: len(intervals)], intervals, strict=True
        )
    ]


def _long_paper(task: str, paper: Paper) -> list[tuple[object, ...]]:
    wanted = {name for names in paper.names.values() for name in names}
    shown = paper.numbers[paper.numbers["recipe"].isin(wanted)]
    return [
        (task, "paper", x.target, x.recipe, x.column, x.value, np.nan, np.nan, 1, 0)
        for x in shown.itertuples()
    ]


def _lines(context: Context, task: str, view: str, columns: Sequence[Column]) -> list[Line]:
    runs = context.task_runs(task)
    known = {
        measure: cells_of(context, task, f"{view}.{measure}")
        for column in columns
        for measure in column.measures
        if f"{view}.{measure}" in runs
    }
    rows = [(DENSE, recipe) for recipe in context.dense_recipes(task)]
    rows += [(t, r) for t in context.targets_of(task) for r in context.sparse_recipes(task)]
    main = cells_of(context, task)
    confidence = context.analysis.confidence

    def intervals(column: Column, target: str, recipe: str) -> tuple[Interval, ...]:
        empty = pd.Series(dtype="float64")
        values = [known[m].of(recipe, target) if m in known else empty for m in column.measures]
        if len(values) > 1:
            values.append((sum(values[1:], values[0]) / len(values)).dropna())
        return tuple(mean_interval(v.to_numpy(), confidence=confidence) for v in values)

    return [
        Line(
            target=target,
            recipe=recipe,
            diverged=main.diverged_in(recipe, target),
            cells=tuple(intervals(column, target, recipe) for column in columns),
        )
        for target, recipe in rows
        if (recipe, target) in main.values
    ]


def _papers(context: Context, task: str, columns: Sequence[Column]) -> list[Paper]:
    by_name = {name: c.name for c in columns for name in (*c.measures, c.name, c.heading)}
    found = []
    for source in context.analysis.published.get(task, ()):
        numbers = table_of(context.published, source)
        numbers = numbers.assign(column=numbers["metric"].map(by_name)).dropna(subset="column")
        dense = numbers["recipe"].map(base_label).str.lower() == DENSE
        numbers = numbers.assign(target=numbers["target"].mask(dense, DENSE))
        numbers = numbers.drop_duplicates(["column", "target", "recipe"])
        if not numbers.empty:
            names = match_recipes(labels_of(context, task), numbers["recipe"])
            found.append(Paper(source, numbers, names))
    return found


def _nothing(context: Context, task: str) -> Section:
    caption = f"The evaluation reports one measure alone: {context.metric(task)[0]}."
    caption += scale_text(context, task)
    return Section(task, (), caption, common_notes(context, task))


def _section(
    context: Context,
    task: str,
    columns: Sequence[Column],
    views: dict[str, list[Line]],
    papers: Sequence[Paper],
) -> Section:
    counts = [cell[-1].n for lines in views.values() for line in lines for cell in line.cells]
    decimals = [
        decimals_for([line.cells[i][-1] for lines in views.values() for line in lines])
        for i in range(len(columns))
    ]
    blocks = tuple(
        _block(context, VIEWS[view], columns, lines, papers, decimals)
        for view, lines in views.items()
    )
    caption = (
        f"Higher is better: mean ± half-width of the {percent(context.analysis)} t interval, "
        f"{seeds_text(counts, 'a cell says otherwise')}. The best evaluation is each measure's "
        f"own.{scale_text(context, task)}"
    )
    notes = (
        *_explanations(columns),
        "A best evaluation is chosen on the data that it reports, for each measure anew: an "
        "optimistic number, shown for the paper's sake and not tested.",
        *_signatures(context, task, columns),
        *paper_notes(context, _sources(papers, views)),
        *common_notes(context, task),
    )
    return Section(task, blocks, caption, notes)


def _explanations(columns: Sequence[Column]) -> list[str]:
    said = [column.explanation for column in columns if column.explanation]
    notes = [f"{'; '.join(said)}."] if said else []
    if any(len(column.measures) > 1 for column in columns):
        notes.append("a/b (c): two measures and, in brackets, their mean with its interval.")
    return notes


def _signatures(context: Context, task: str, columns: Sequence[Column]) -> list[str]:
    """Return how measures are taken, where the records say so."""
    runs = context.task_runs(task)
    notes = []
    for measure, column in ((m, c) for c in columns for m in c.measures):
        if SIGNATURE + measure in runs:
            said = runs.loc[runs["status"] == COMPLETE, SIGNATURE + measure].dropna().unique()
            notes += [f"{column.heading}: {text}." for text in said if text]
    return notes


def _sources(papers: Sequence[Paper], views: dict[str, list[Line]]) -> list[PublishedSettings]:
    rows = [line for lines in views.values() for line in lines]
    return [paper.source for paper in papers if any(_printed(paper, line) for line in rows)]


def _printed(paper: Paper, line: Line) -> dict[str, dict[str, str]]:
    """Return the paper's rows that stand below one of ours: its recipe -> column -> text."""
    rows: dict[str, dict[str, str]] = {}
    here = paper.numbers[paper.numbers["target"] == line.target]
    for name in paper.names.get(line.recipe, ()):
        for number in here[here["recipe"] == name].itertuples():
            # Table 12 prints pairs in full in the note, and their mean is the value.
            text = number.note if "/" in str(number.note) else number.printed
            rows.setdefault(name, {})[str(number.column)] = str(text)
    return rows


def _block(
    context: Context,
    title: str,
    columns: Sequence[Column],
    lines: Sequence[Line],
    papers: Sequence[Paper],
    decimals: Sequence[int],
) -> Block:
    usual = usual_count([cell[-1].n for line in lines for cell in line.cells])
    rows: list[Row] = []
    before = ""
    for line in lines:
        label = context.label(line.recipe)
        texts = [_text(c, d, usual) for c, d in zip(line.cells, decimals, strict=True)]
        shown = "" if line.target in (before, DENSE) else target_label(line.target)
        before = line.target
        rows.append(row(shown, label + (f" †{line.diverged}" if line.diverged else ""), *texts))
        for paper in papers:
            for name, printed in _printed(paper, line).items():
                head = Cell("paper" if name == label else f"paper: {name}", italic=True)
                cells = (Cell(printed.get(c.name, ""), italic=True) for c in columns)
                rows.append((EMPTY, head, *cells))
    header = ("target", "recipe", *(column.heading for column in columns))
    return Block(header, tuple(rows), title=title, text_columns=(0, 1))


def _text(cell: tuple[Interval, ...], decimals: int, usual: int) -> str:
    *parts, interval = cell
    if not interval.n:
        return NO_RUN.text
    text = with_half_width(interval, decimals)
    if parts:
        text = f"{'/'.join(f'{p.estimate:.{decimals}f}' for p in parts)} ({text})"
    return text + (f" (n={interval.n})" if interval.n != usual else "")
