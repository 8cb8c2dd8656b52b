"""The open list of tables, and the one place that writes them."""

import importlib
from collections.abc import Callable, Iterable
from pathlib import Path

from pgf.analysis.tables import kinds, table_names
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import to_html
from pgf.analysis.tables.model import Table
from pgf.analysis.tables.render import to_latex, to_markdown
from pgf.errors import UserError, nearest
from pgf.records.record import write_atomically

Builder = Callable[[Context], Table]

TABLES: dict[str, Builder] = {}


def table(name: str) -> Callable[[Builder], Builder]:
    """Decorator that adds a table to the registry under `name`, the name of its module."""

    def add(build: Builder) -> Builder:
        if name in TABLES:
            raise ValueError(f"table '{name}' is registered twice")
        TABLES[name] = build
        return build

    return add


def load_tables() -> dict[str, Builder]:
    """Import every module of `pgf.analysis.tables.kinds` and return the registry."""
    for name in table_names():
        importlib.import_module(f"{kinds.__name__}.{name}")
    return TABLES


def build_table(name: str, context: Context) -> Table:
    """Return one table.

    Raises:
        UserError: there is no table of that name.
    """
    builders = load_tables()
    if name not in builders:
        raise UserError(f"unknown table '{name}': {nearest(name, builders)}")
    return builders[name](context)


def write_tables(
    context: Context, folder: Path, *, names: Iterable[str] | None = None
) -> tuple[Path, ...]:
    """Write each table as CSV (raw floats), Markdown, LaTeX and HTML; return the files.

    Args:
        context: the runs and what they are compared with.
        folder: where to; made if it is not there.
        names: the tables to write; None for all.
    """
    written = []
    for name in table_names() if names is None else tuple(names):
        made = build_table(name, context)
        texts = {
            ".csv": made.data.to_csv(index=False, lineterminator="\n"),
            ".md": to_markdown(made),
            ".tex": to_latex(made),
            ".html": to_html(made),
        }
        for suffix, text in texts.items():
            write_atomically(folder / (name + suffix), text)
            written.append(folder / (name + suffix))
    return tuple(written)
