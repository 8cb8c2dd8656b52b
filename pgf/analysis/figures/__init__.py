"""The figures of an experiment, each from its finished runs alone.

A figure is one module in `figures/kinds/`, of the figure's name, with one function under `@figure`.
This module stays light: a workflow asks it for file names on every start.
"""

import pkgutil
from collections.abc import Iterable

from pgf.analysis.figures import kinds

SUFFIXES = (".png", ".svg")
CAPTIONS = ("captions.md", "captions.html")
"""What is to be known of the figures beyond what stands in them."""


def figure_names() -> tuple[str, ...]:
    """Return the names of all figures, without importing them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))


def figure_files(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of the files that `write_figures` writes; None for all figures."""
    chosen = figure_names() if names is None else tuple(names)
    return (*(name + suffix for name in chosen for suffix in SUFFIXES), *CAPTIONS)
