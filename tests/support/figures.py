"""Figures drawn for tests."""

from typing import Any

from pgf.analysis.figures import FIGURES, figure_names
from pgf.analysis.figures.style import drawing

RANKS = {"leaderboard", "share_by_length"}
"""Figures of recovered shares, which show no recipe without a share."""
BY_TASK = sorted(set(figure_names()) - RANKS)
"""Figures of one task each."""


def drawn(name: str, context: Any) -> Any:
    """Return a figure by its name, drawn of the runs of a context, of one task but for `RANKS`."""
    with drawing(name):
        return FIGURES[name].draw(context)


def line_of(axes: Any, label: str) -> Any:
    """Return the line of a panel that has a label."""
    return next(line for line in axes.get_lines() if line.get_label() == label)
