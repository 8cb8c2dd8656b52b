"""The paper's own numbers of operations and parameters, where it has the model."""

import pandas as pd

from pgf.analysis import EMPTY, Cell
from pgf.recipes import Target


def numbers_of(published: pd.DataFrame, model: str | None) -> pd.DataFrame:
    """Return the paper's compute numbers of a model by its name there; empty for others."""
    tables = published[published["table"].isin(["1", "17", "18"])]
    return tables[tables["model"] == model]


def printed(numbers: pd.DataFrame, *, metric: str, target: str) -> str:
    """Return a number as the paper prints it, `target` being its row; empty if there is none."""
    rows = numbers[(numbers["metric"] == metric) & (numbers["target"] == target)]
    return str(rows["printed"].iloc[0]) if len(rows) else ""


def printed_cell(numbers: pd.DataFrame, *, metric: str, target: str) -> Cell:
    """Return the number as a cell in italics, as all of the paper's stand."""
    text = printed(numbers, metric=metric, target=target)
    return Cell(text, italic=True) if text else EMPTY


def row_of(target: Target) -> str:
    """Return the row of Table 18 that a target is: `1:8` for feed-forward layers alone."""
    if target.is_dense:
        return "Dense"
    groups = [group for group, _ in target.parts]
    return str(target.parts[0][1]) if groups == ["FF"] else ""
