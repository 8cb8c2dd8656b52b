"""The figures of an experiment, each from its finished runs alone.

A figure is a module in `figures/kinds/` with one function under `@figure` and the module's name. It
draws one task, and a file of its own holds each task. This module stays light: a workflow asks it
for file names on every start.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgf.experiments import longest
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
    """Draws the context of the figure's subject: one task but for `OF_ALL` and `OF_FAMILIES`."""
    title: str
    """Says what is to be seen; `{metric}` stands for the name of the task's metric."""
    caption: Caption
    """Returns what a reader must know and the figure has no room for."""
    paper: str
    """Number of the paper's figure that asks the same question; empty for none."""


FIGURES: Registry[Drawing] = Registry("figure", folder="pgf.analysis.figures.kinds")
OF_ALL = ("leaderboard",)
"""Figures of all tasks together, in one file."""
OF_FAMILIES = ("share_by_length",)
"""Figures of the tasks that differ in length alone, in a file for each family."""
SUFFIXES = (".png", ".svg")
CAPTIONS = ("captions.md", "captions.html")
"""Files with what a reader must know of the figures and does not find in them."""


def figure(
    name: str, *, title: str, caption: Caption, paper: str = ""
) -> Callable[[Drawer], Drawer]:
    """Return the decorator that adds a figure to the registry under `name`."""

    def add(draw: Drawer) -> Drawer:
        FIGURES.register(name)(Drawing(draw, title, caption, paper))
        return draw

    return add


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures, without importing them."""
    return tuple(FIGURES)


def subjects_of(
    name: str, tasks: Iterable[str], families: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Return the subjects of a figure's files: tasks, families of lengths, or "" for all tasks.

    Args:
        name: the figure.
        tasks: the tasks of the experiment; of those that differ in length the longest is drawn.
        families: name -> tasks that differ in length alone, the shortest first.
    """
    if name in OF_ALL:
        return ("",)
    return tuple(families if name in OF_FAMILIES else longest(tasks, families))


def stem_of(name: str, subject: str) -> str:
    """Return the file name, without suffix, of a figure of a subject."""
    return f"{name}-{subject}" if subject else name


def figure_files(
    tasks: Iterable[str],
    families: Mapping[str, Sequence[str]],
    *,
    names: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Return the names of the files that `write_figures` writes of an experiment.

    Args:
        tasks: its tasks.
        families: name -> tasks that differ in length alone, the shortest first.
        names: the figures; None for all.
    """
    wanted, tasks = figure_names() if names is None else tuple(names), tuple(tasks)
    stems = [stem_of(name, s) for name in wanted for s in subjects_of(name, tasks, families)]
    return (*(stem + suffix for stem in stems for suffix in SUFFIXES), *CAPTIONS)
