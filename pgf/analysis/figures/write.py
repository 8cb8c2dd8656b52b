"""Writes the figures of an experiment, and their captions."""

import io
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from pgf.analysis.figures import (
    CAPTIONS,
    FIGURES,
    OF_ALL,
    OF_FAMILIES,
    figure_names,
    stem_of,
    subjects_of,
)
from pgf.analysis.figures.style import drawing, new_figure, say_missing
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import to_html
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import Section, Table
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.wording import no_longest
from pgf.records import replacing, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None}}
"""Metadata to leave out, since with it the same figure differs from day to day."""
CHARACTERS = 17
"""Characters of a title in an inch."""


def draw_figure(name: str, context: Context, subject: str) -> dict[str, bytes]:
    """Return the files of a figure by suffix; the same runs give the same bytes.

    Args:
        name: the figure.
        context: the runs and curves of the whole experiment.
        subject: what the file is of, from `subjects_of`.

    Raises:
        UserError: there is no figure of that name.
    """
    chosen = FIGURES.find(name)
    own = context_of_subject(name, context, subject)
    with drawing(stem_of(name, subject)):
        drawn = chosen.draw(own) if own.tasks else _empty(subject)
        _entitle(drawn, _title(name, own, subject))
        return _files(drawn)


def context_of_subject(name: str, context: Context, subject: str) -> Context:
    """Return the runs and curves that a figure draws of a subject."""
    if name in OF_ALL:
        own = context.longest()
    else:
        own = context.only(context.families[subject] if name in OF_FAMILIES else (subject,))
    return own.remembered("for figures", lambda: _without_formulas(own))


def _without_formulas(context: Context) -> Context:
    """Return a context whose labels matplotlib does not read as formulas."""
    escaped = tuple((name, label.replace("$", r"\$")) for name, label in context.recipes)
    return context if escaped == context.recipes else replace(context, recipes=escaped)


def _empty(task: str) -> "Figure":
    """Return a figure that says which runs it would need."""
    figure, axes = new_figure(1, 1, height=2.0, legend_rows=0)
    say_missing(axes[0][0], f"No run is there of {task}.")
    return figure


def _title(name: str, own: Context, subject: str) -> str:
    """Return the title of a figure: what is to be seen, of which task."""
    named = len(own.tasks) == 1
    metric = metric_name(own, own.tasks[0]) if named else "the metric"
    title = FIGURES.find(name).title.format(metric=metric)
    return f"{title[0].upper()}{title[1:]}" + (f": {subject}" if subject else "")


def _entitle(drawn: "Figure", title: str) -> None:
    width = round(CHARACTERS * drawn.get_figwidth())
    drawn.suptitle(textwrap.fill(title, width), x=0.01, ha="left", fontsize=8)


def write_figures(
    context: Context, folder: Path, *, names: Iterable[str] | None = None
) -> tuple[Path, ...]:
    """Write each figure as PNG and SVG, and the captions of all of them; return the files.

    Args:
        context: the runs and curves.
        folder: where to; made if it is not there.
        names: the figures to write; None for all.

    Raises:
        UserError: there is no figure of such a name.
    """
    written = []
    chosen = figure_names() if names is None else tuple(names)
    for name in chosen:
        for subject in subjects_of(name, context.expected_tasks, context.families):
            for suffix, content in draw_figure(name, context, subject).items():
                path = folder / (stem_of(name, subject) + suffix)
                with replacing(path) as temporary:
                    temporary.write_bytes(content)
                written.append(path)
    captions = captions_of(context, chosen)
    for name, text in zip(CAPTIONS, (to_markdown(captions), to_html(captions)), strict=True):
        write_atomically(folder / name, text)
        written.append(folder / name)
    return tuple(written)


def captions_of(context: Context, names: Iterable[str]) -> Table:
    """Return the captions of figures, a section each, with the remarks on what they follow."""
    sections = []
    for name in names:
        chosen = FIGURES.find(name)
        own = context if name in OF_FAMILIES else context.longest()
        lacking = " ".join(map(no_longest, context.absent_longest))
        caption = " ".join(filter(None, (chosen.caption(own) if own.tasks else "", lacking)))
        sections.append(Section(heading(name), (), caption, context.remarks.get(name, ())))
    return Table("captions", "Captions of the figures", pd.DataFrame(), tuple(sections))


def heading(name: str) -> str:
    """Return a figure's name and title, and the paper's figure that it follows."""
    chosen = FIGURES.find(name)
    after = f", after the paper's Figure {chosen.paper}" if chosen.paper else ""
    return f"{name}: {chosen.title.format(metric='the metric')}{after}"


def _files(drawn: "Figure") -> dict[str, bytes]:
    """Return a figure's files by suffix.

    It is laid out once for both: `Figure.savefig` does so for each, and draws twice as often.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    if engine := drawn.get_layout_engine():
        engine.execute(drawn)
        drawn.set_layout_engine("none")
    png, svg = io.BytesIO(), io.BytesIO()
    # Untyped in matplotlib.
    agg, vector = cast(Any, FigureCanvasAgg(drawn)), cast(Any, FigureCanvasSVG(drawn))
    agg.print_png(png, metadata=METADATA[".png"])
    vector.print_svg(svg, metadata=METADATA[".svg"])
    return {".png": png.getvalue(), ".svg": svg.getvalue()}
