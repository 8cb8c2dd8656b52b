"""The tables of an experiment, each from its finished runs alone.

A table is a module in `tables/kinds/` with one function that is registered under the module's
name. This module stays light: a workflow asks it for file names on every start.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from pgf.recipes import Registry

if TYPE_CHECKING:
    from pgf.analysis.tables.context import Context
    from pgf.analysis.tables.model import Table

TABLES: "Registry[Callable[[Context], Table]]" = Registry(
    "table", folder="pgf.analysis.tables.kinds"
)
SUFFIXES = (".csv", ".md", ".tex", ".html")


def table_names() -> tuple[str, ...]:
    """Return the names of all tables, without importing them."""
    return tuple(TABLES)


def table_files(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """Return the names of the files that `write_tables` writes; None for all tables."""
    chosen = table_names() if names is None else tuple(names)
    return tuple(name + suffix for name in chosen for suffix in SUFFIXES)
