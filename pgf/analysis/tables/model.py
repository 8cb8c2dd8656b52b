"""A table as data: sections, blocks, rows and cells, before it is text of any format."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd


@dataclass(frozen=True)
class Cell:
    """A text as a reader sees it, with its emphasis."""

    text: str
    bold: bool = False
    italic: bool = False


EMPTY = Cell("")
NO_RUN = Cell("-")
"""Stands where no run could give a number."""

Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Block:
    """Rows under one header; the first column is a heading of its row."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]
    title: str = ""
    lead: str = ""
    """A sentence between title and rows."""
    text_columns: tuple[int, ...] = (0,)
    """Columns set to the left; numbers stand to the right."""


@dataclass(frozen=True)
class Section:
    """The part of a table about one task."""

    heading: str
    blocks: tuple[Block, ...]
    caption: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table: the numbers as they are, and what of them a reader sees."""

    name: str
    title: str
    data: pd.DataFrame = field(compare=False)
    """Long form, raw floats."""
    sections: tuple[Section, ...]


def row(*texts: str | Cell) -> Row:
    """Return a row of plain cells."""
    return tuple(text if isinstance(text, Cell) else Cell(text) for text in texts)


PANEL = 5
"""Sparse recipes beside each other; more go into a further panel, with Dense repeated."""


def recipe_panels(dense: Sequence[str], sparse: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return, for each panel, what its title ends with and its recipes, the dense one first."""
    chunks = panels(sparse, PANEL) or [[]]
    return [(" (continued)" if i else "", (*dense, *chunk)) for i, chunk in enumerate(chunks)]


def panels(columns: Sequence[str], width: int) -> list[list[str]]:
    """Split columns into as few panels of at most `width` as will do, of even sizes."""
    if not columns:
        return []
    count = -(-len(columns) // width)
    size, larger = divmod(len(columns), count)
    result, start = [], 0
    for i in range(count):
        stop = start + size + (i < larger)
        result.append(list(columns[start:stop]))
        start = stop
    return result
