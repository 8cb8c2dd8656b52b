"""The tables of an experiment, each from its finished runs alone.

A table is one module in `tables/kinds/`, of the table's name, with one function under `@table`.
This module stays light: a workflow asks it for file names on every start.
"""

import pkgutil
from collections.abc import Iterable

from pgf.analysis.tables import kinds

SUFFIXES = (".csv", ".md", ".tex", ".html")


def table_names() -> tuple[str, ...]:
    """Return the names of all tables, without importing them."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(kinds.__path__)))


def table_files(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of the files that `write_tables` writes; None for all tables."""
    chosen = table_names() if names is None else tuple(names)
    return tuple(name + suffix for name in chosen for suffix in SUFFIXES)
