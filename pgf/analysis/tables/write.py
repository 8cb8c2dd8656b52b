"""Writes the tables of an experiment."""

from collections.abc import Iterable
from pathlib import Path

from pgf.analysis.tables import TABLES, table_names
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.html import to_html
from pgf.analysis.tables.model import Table
from pgf.analysis.tables.render import to_latex, to_markdown
from pgf.records import write_atomically


def one_table(name: str, context: Context) -> Table:
    """Return a table by its name.

    Raises:
        UserError: there is none of that name.
    """
    return TABLES.find(name)(context)


def write_tables(
    context: Context, folder: Path, *, names: Iterable[str] | None = None
) -> tuple[Path, ...]:
    """Write each table as CSV (raw floats), Markdown, LaTeX and HTML; return the files.

    Args:
        context: the runs and what they are compared with.
        folder: where to; made if it is not there.
        names: the tables to write; None for all.

    Raises:
        UserError: there is no table of such a name.
    """
    written = []
    for name in table_names() if names is None else tuple(names):
        made = one_table(name, context)
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
