"""Speed-ups in the layout of one of the paper's tables, with its numbers beside."""

from collections.abc import Mapping
from pathlib import Path

from pgf.analysis import load_published
from pgf.costs.bench.model import Grid

PUBLISHED = Path("configs/paper/tables.csv")


def as_published(
    table: str, what: str, columns: tuple[str, ...], ours: Mapping[str, Mapping[str, float]]
) -> Grid:
    """Return a table of the paper with a row for each of its devices, and rows of this machine.

    Away from the project's folder the paper's rows are left out.

    Args:
        table: its number.
        what: the title.
        columns: targets, as the paper names them.
        ours: name of a row -> target -> speed-up.
    """
    rows = {f"paper, {device}": texts for device, texts in _paper(table).items()}
    for name, values in ours.items():
        rows[f"here, {name}"] = {target: f"{value:.2f}" for target, value in values.items()}
    return Grid(
        title=what,
        header=("", *columns),
        rows=tuple((name, *(row.get(c, "") for c in columns)) for name, row in rows.items()),
    )


def _paper(table: str) -> dict[str, dict[str, str]]:
    """Return device -> target -> the number as printed."""
    if not PUBLISHED.exists():
        return {}
    frame = load_published(PUBLISHED)
    rows: dict[str, dict[str, str]] = {}
    for line in frame[frame["table"] == table].to_dict("records"):
        rows.setdefault(str(line["dataset"]), {})[str(line["target"])] = str(line["printed"])
    return rows
