"""Tables as HTML pages that need nothing else, for the workflow's report."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from pgf.analysis.tables.model import Table


def templates() -> Environment:
    """Return the templates of pages; all text is escaped."""
    loader = PackageLoader("pgf.analysis")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined)


def to_html(table: Table) -> str:
    """Return the table as one page."""
    return templates().get_template("table.html.j2").render(table=table) + "\n"
