"""The table of every measure of a task's evaluation, laid out as the paper's Table 12."""

from collections.abc import Sequence

import pandas as pd

from pgf.analysis.statistics import Interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import COMPLETE, DENSE, Context, target_label
from pgf.analysis.tables.measurements import (
    VIEWS,
    Column,
    columns_of,
    falls,
    measures_of,
)
from pgf.analysis.tables.model import EMPTY, NO_RUN, Block, Cell, Row, Section, Table, row
from pgf.analysis.tables.published import paper_notes
from pgf.analysis.tables.recipe_measures import (
    LONG,
    NAMES,
    PaperMeasures,
    RecipeMeasures,
    long_rows,
    long_rows_of_paper,
    paper_measures,
    printed_rows,
    recipe_measures,
    sources_of,
)
from pgf.analysis.tables.scores import BEST, LAST
from pgf.analysis.tables.wording import (
    common_notes,
    decimals_for,
    percent,
    scale_text,
    seeds_text,
    usual_count,
    with_half_width,
)

SIGNATURE = "measure_signature."
BEST_NOTE = (
    "The best evaluation is each measure's own, chosen on the data that it reports: an optimistic "
    "number, shown for the paper's sake and not tested."
)


@TABLES.register("measures")
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
        shown = [LAST] if _falling(context, task, columns) else VIEWS
        views = {view: recipe_measures(context, task, view, columns) for view in shown}
        papers = paper_measures(context, task, columns)
        lines += [
            long
            for view, made in views.items()
            for long in long_rows(task, NAMES[view], made, columns)
        ]
        lines += [long for paper in papers for long in long_rows_of_paper(task, paper)]
        sections.append(_section(context, task, columns, views, papers))
    return Table(
        name="measures",
        title="All measures of every recipe at every target",
        data=pd.DataFrame(lines, columns=list(LONG)),
        sections=tuple(sections),
    )


def _falling(context: Context, task: str, columns: Sequence[Column]) -> list[str]:
    """Return the headings of the columns in which less is better.

    With any of them no best evaluation is shown: it is there for the paper's sake, all of whose
    measures are better where higher, and older records hold the highest value of each.
    """
    return [c.heading for c in columns if falls(context, task, c.measures[0])]


def _direction(falling: Sequence[str], columns: Sequence[Column]) -> str:
    if not falling:
        return "Higher is better"
    if len(falling) == len(columns):
        return "Lower is better"
    return f"Lower is better of {', '.join(falling)}, higher of the others"


def _nothing(context: Context, task: str) -> Section:
    caption = f"The evaluation reports one measure alone: {context.metric(task)[0]}."
    caption += scale_text(context, task)
    return Section(task, (), caption, common_notes(context, task))


def _section(
    context: Context,
    task: str,
    columns: Sequence[Column],
    views: dict[str, list[RecipeMeasures]],
    papers: Sequence[PaperMeasures],
) -> Section:
    counts = [
        cell[-1].n
        for lines in views.values()
        for line in lines
        for cell in line.intervals_by_column
    ]
    decimals = [
        decimals_for(
            [line.intervals_by_column[i][-1] for lines in views.values() for line in lines]
        )
        for i in range(len(columns))
    ]
    blocks = tuple(
        _block(context, VIEWS[view], columns, lines, papers, decimals)
        for view, lines in views.items()
    )
    caption = (
        f"{_direction(_falling(context, task, columns), columns)}: mean ± half-width of the "
        f"{percent(context.analysis)} t interval, {seeds_text(counts, 'a cell says otherwise')}."
        f"{scale_text(context, task)}"
    )
    notes = (
        *_explanations(columns),
        *([BEST_NOTE] if BEST in views else []),
        *_signatures(context, task, columns),
        *paper_notes(context, sources_of(papers, views)),
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


def _block(
    context: Context,
    title: str,
    columns: Sequence[Column],
    lines: Sequence[RecipeMeasures],
    papers: Sequence[PaperMeasures],
    decimals: Sequence[int],
) -> Block:
    usual = usual_count([cell[-1].n for line in lines for cell in line.intervals_by_column])
    rows: list[Row] = []
    before = ""
    for line in lines:
        label = context.label(line.recipe)
        texts = [
            _text(c, d, usual) for c, d in zip(line.intervals_by_column, decimals, strict=True)
        ]
        shown = "" if line.target in (before, DENSE) else target_label(line.target)
        before = line.target
        rows.append(row(shown, label + (f" †{line.diverged}" if line.diverged else ""), *texts))
        for paper in papers:
            for name, printed in printed_rows(paper, line).items():
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
