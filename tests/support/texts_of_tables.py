"""The texts of made tables, for tests."""

from pgf.analysis.tables.model import Block, Table


def words_of(block: Block) -> list[str]:
    """Return the texts of all cells of a block."""
    return [cell.text for row in block.rows for cell in row]


def cell_texts(table: Table, heading: str) -> list[str]:
    """Return the first row under a heading, of the first block."""
    rows = table.sections[0].blocks[0].rows
    return [cell.text for cell in next(row for row in rows if row[0].text == heading)]
