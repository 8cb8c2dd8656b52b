"""Figures drawn for tests."""

from typing import Any

from pgf.analysis.figures import FIGURES
from pgf.analysis.figures.style import drawing

RANKS = {"leaderboard", "lengths"}
"""Figures of recovered shares, which have no panel per task and no recipe without a share."""


def drawn(name: str, context: Any) -> Any:
    """Return a figure by its name, drawn of the runs of a context."""
    with drawing(name):
        return FIGURES[name].draw(context)


def line_of(axes: Any, label: str) -> Any:
    """Return the line of a panel that has a label."""
    return next(line for line in axes.get_lines() if line.get_label() == label)
