"""Writes the figures of an experiment, and their captions."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures import CAPTIONS, FIGURES, SUFFIXES, figure_names
from pgf.analysis.figures.style import DPI, drawing, new_figure, say_missing
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import to_html
from pgf.analysis.tables.model import Section, Table
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.wording import no_longest
from pgf.records import replacing, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None}}
"""Metadata to leave out, since with it the same figure differs from day to day."""


def draw_figure(name: str, context: Context) -> dict[str, bytes]:
    """Return a figure's files by suffix; the same runs give the same bytes.

    Raises:
        UserError: there is no figure of that name.
    """
    chosen = FIGURES.find(name)
    with drawing(name):
        own = context if chosen.all_lengths else context.longest()
        drawn = chosen.draw(own) if own.tasks else _empty(context)
        return {suffix: _bytes(drawn, suffix) for suffix in SUFFIXES}


def _empty(context: Context) -> "Figure":
    """Return a figure that says which runs it would need."""
    figure, axes = new_figure(1, 1, height=2.0, legend_rows=0)
    say_missing(axes[0][0], _nothing(context))
    return figure


def _nothing(context: Context) -> str:
    return " ".join(map(no_longest, context.absent_longest))


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
        for suffix, content in draw_figure(name, context).items():
            with replacing(folder / (name + suffix)) as temporary:
                temporary.write_bytes(content)
            written.append(folder / (name + suffix))
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
        own = context if chosen.all_lengths else context.longest()
        caption = chosen.caption(own) if own.tasks else _nothing(context)
        sections.append(Section(_heading(name), (), caption, context.remarks.get(name, ())))
    return Table("captions", "Captions of the figures", pd.DataFrame(), tuple(sections))


def _heading(name: str) -> str:
    """Return a figure's name for readers: `figure3` after the paper's Figure 3."""
    return re.sub(r"^figure(\d+)$", r"figure\1, after the paper's Figure \1", name)


def _bytes(drawn: "Figure", suffix: str) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=METADATA[suffix])
    return buffer.getvalue()
