"""A table as data: sections, blocks, rows and cells, before it is text of any format."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

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


WIDTH = 6
"""Columns beside each other where recipes stand down."""
PANEL = 5
"""Sparse recipes beside each other."""


def recipe_panels(dense: Sequence[str], sparse: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return, for each panel, what its title ends with and its recipes, the dense one first."""
    chunks = panels(sparse, PANEL) or [[]]
    return [(" (continued)" if i else "", (*dense, *chunk)) for i, chunk in enumerate(chunks)]


def recipe_blocks(
    make: Callable[[tuple[str, ...]], Block], dense: Sequence[str], sparse: Sequence[str]
) -> list[Block]:
    """Return a block with recipes across, as the paper has them; more than `PANEL` stand down.

    Args:
        make: makes a block of recipes, with their targets down.
        dense: the dense recipe, or none.
        sparse: the others.
    """
    block = make((*dense, *sparse))
    return [block] if len(sparse) <= PANEL else recipes_down(block)


def recipes_down(block: Block) -> list[Block]:
    """Return a block turned round: a row for each column, in as many panels as its rows need.

    Rows in italics, such as the paper's, stay beside the row above them.
    """
    groups: list[list[Row]] = []
    for line in block.rows:
        if line[0].italic and groups:
            groups[-1].append(line)
        else:
            groups.append([line])
    widest = max(map(len, groups), default=1)
    starts = list(range(0, len(groups), max(1, WIDTH // widest)))
    made = []
    for start in starts:
        shown = [
            line for group in groups[start : start + max(1, WIDTH // widest)] for line in group
        ]
        rows = tuple(
            (Cell(name), *(line[column] for line in shown))
            for column, name in enumerate(block.header[1:], start=1)
        )
        more = " (continued)" if start else ""
        header = ("recipe", *(line[0].text for line in shown))
        made.append(replace(block, header=header, rows=rows, title=block.title + more))
    return made


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
