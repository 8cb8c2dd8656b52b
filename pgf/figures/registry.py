"""The open list of figures, and the one place that writes them."""

import importlib
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.errors import UserError, nearest
from pgf.figures import SUFFIXES, figure_names, kinds
from pgf.figures.style import DPI, drawing
from pgf.records import replacing
from pgf.tables.context import Context

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Drawer = Callable[[Context], "Figure"]

FIGURES: dict[str, Drawer] = {}

METADATA: dict[str, dict[str, None]] = {".png": {"Software": None}, ".svg": {"Date": None}}
"""What would make the same figure differ from day to day, left out."""


def figure(name: str) -> Callable[[Drawer], Drawer]:
    """Decorator that adds a figure to the registry under `name`, the name of its module."""

    def add(draw: Drawer) -> Drawer:
        if name in FIGURES:
            raise ValueError(f"figure '{name}' is registered twice")
        FIGURES[name] = draw
        return draw

    return add


def load_figures() -> dict[str, Drawer]:
    """Import every module of `pgf.figures.kinds` and return the registry."""
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
    """Write each figure as PNG and SVG; return the files.

    Args:
        context: the runs and curves.
        folder: where to; made if it is not there.
        names: the figures to write; None for all.
    """
    written = []
    for name in figure_names() if names is None else tuple(names):
        for suffix, content in draw_figure(name, context).items():
            with replacing(folder / (name + suffix)) as temporary:
                temporary.write_bytes(content)
            written.append(folder / (name + suffix))
    return tuple(written)


def _bytes(drawn: "Figure", suffix: str) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format=suffix[1:], dpi=DPI, metadata=METADATA[suffix])
    return buffer.getvalue()
