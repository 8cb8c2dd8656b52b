"""Origins of a page's numbers, and the commands that obtain them again."""

from typing import Any

import pandas as pd

from pgf.analysis.tables.context import Context
from pgf.records import UNKNOWN

COLUMNS = {
    "commit": "commit",
    "code": "code that changes numbers (hash)",
    "data": "data (hash)",
    "cpu": "CPU",
    "gpu": "GPU",
    "device": "trained on",
    "python": "Python",
    "torch": "torch",
    "timm": "timm",
    "transformers": "transformers",
    "numpy": "numpy",
}
"""Column of the runs -> its name for readers."""


def provenance_of(context: Context) -> list[tuple[str, str]]:
    """Return (name, values) of everything that the records say of their origin."""
    runs = context.runs
    seeds = sorted(int(seed) for seed in runs["seed"].unique())
    said = [("runs", f"{len(runs)}, seeds {', '.join(map(str, seeds))}")]
    for column, name in COLUMNS.items():
        if column in runs and (values := _values(runs[column])):
            said.append((name, ", ".join(values)))
    if "train_seconds" in runs:
        hours = float(runs["train_seconds"].astype("float64").sum()) / 3600
        said.append(("training, all runs", f"{hours:.2g} hours of one process"))
    if "dirty" in runs and runs["dirty"].astype(bool).any():
        said.append(("changes", "some runs were made with changes that no commit has"))
    return said


def _values(column: pd.Series) -> list[str]:
    found: list[Any] = column.dropna().unique().tolist()
    return [str(value) for value in found if str(value)]


def commands_for(context: Context, name: str) -> list[str]:
    """Return the commands that make the runs again, in a checkout of the project."""
    commits = _values(context.runs["commit"]) if "commit" in context.runs else []
    is_known = len(commits) == 1 and commits[0] != UNKNOWN
    checkout = [f"git checkout {commits[0]}"] if is_known else []
    return [*checkout, f"make EXPERIMENT={name} reproduce"]
