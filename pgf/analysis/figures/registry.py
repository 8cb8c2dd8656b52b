"""The open list of figures, and the one place that writes them."""

import importlib
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures import CAPTIONS, SUFFIXES, figure_names, kinds
from pgf.analysis.figures.style import DPI, drawing
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import to_html
from pgf.analysis.tables.model import Section, Table
from pgf.analysis.tables.render import to_markdown
from pgf.errors import UserError, nearest
from pgf.records.record import replacing, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawer = Callable[[Context], "Figure"]
Caption = Callable[[Context], str]

FIGURES: dict[str, Drawer] = {}
CAPTION_OF: dict[str, Caption] = {}

METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None}}
"""What would make the same figure differ from day to day, left out."""


def _nothing(context: Context) -> str:
    del context
    return ""


def figure(name: str, *, caption: Caption = _nothing) -> Callable[[Drawer], Drawer]:
    """Decorator that adds a figure to the registry under `name`, the name of its module.

    Args:
        name: the figure's name.
        caption: from the same context to what a reader must know and the figure has no room for.
    """

    def add(draw: Drawer) -> Drawer:
        if name in FIGURES:
            raise ValueError(f"figure '{name}' is registered twice")
        FIGURES[name] = draw
        CAPTION_OF[name] = caption
        return draw

    return add


def load_figures() -> dict[str, Drawer]:
    """Import every module of `pgf.analysis.figures.kinds` and return the registry."""
    for name in figure_names():
        importlib.import_module(f"{kinds.__name__}.{name}")
    return FIGURES


def draw_figure(name: str, context: Context) -> dict[str, bytes]:
    """Return a figure's files by suffix; the same runs give the same bytes.

    Raises:
        UserError: there is no figure of that name.
    """
    drawers = load_figures()
    if name not in drawers:
        raise UserError(f"unknown figure '{name}': {nearest(name, drawers)}")
    with drawing(name):
        drawn = drawers[name](context)
        return {suffix: _bytes(drawn, suffix) for suffix in SUFFIXES}


def write_figures(
    context: Context, folder: Path, *, names: Iterable[str] | None = None
) -> tuple[Path, ...]:
    """Write each figure as PNG and SVG, and the captions of all of them; return the files.

    Args:
        context: the runs and curves.
        folder: where to; made if it is not there.
        names: the figures to write; None for all.
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
    load_figures()
    sections = (
        Section(_heading(name), (), CAPTION_OF[name](context), context.remarks.get(name, ()))
        for name in names
    )
    return Table("captions", "Captions of the figures", pd.DataFrame(), tuple(sections))


def _heading(name: str) -> str:
    """Return a figure's name for readers: `figure3` after the paper's Figure 3."""
    return re.sub(r"^figure(\d+)$", r"figure\1, after the paper's Figure \1", name)


def _bytes(drawn: "Figure", suffix: str) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=METADATA[suffix])
    return buffer.getvalue()
