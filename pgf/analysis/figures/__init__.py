"""The figures of an experiment, each from its finished runs alone.

A figure is a module in `figures/kinds/` with one function under `@figure` and the module's name.
This module stays light: a workflow asks it for file names on every start.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgf.recipes import Registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pgf.analysis.tables.context import Context

Drawer = Callable[["Context"], "Figure"]
Caption = Callable[["Context"], str]


@dataclass(frozen=True)
class Drawing:
    """A figure of the registry."""

    draw: Drawer
    caption: Caption
    """Returns what a reader must know and the figure has no room for."""
    all_lengths: bool = False
    """True to draw every length of a task; False for the longest alone."""


FIGURES: Registry[Drawing] = Registry("figure", folder="pgf.analysis.figures.kinds")
SUFFIXES = (".png", ".svg")
CAPTIONS = ("captions.md", "captions.html")
"""Files with what a reader must know of the figures and does not find in them."""


def figure(name: str, *, caption: Caption, all_lengths: bool = False) -> Callable[[Drawer], Drawer]:
    """Return the decorator that adds a figure and its caption to the registry under `name`."""

    def add(draw: Drawer) -> Drawer:
        FIGURES.register(name)(Drawing(draw, caption, all_lengths))
        return draw

    return add


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures, without importing them."""
    return tuple(FIGURES)


def figure_files(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of the files that `write_figures` writes; None for all figures."""
    chosen = figure_names() if names is None else tuple(names)
    return (*(name + suffix for name in chosen for suffix in SUFFIXES), *CAPTIONS)
