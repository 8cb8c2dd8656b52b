"""Tables turned round: recipes stand down where they do not fit across, and no cell is lost."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.analysis.tables.model import PANEL, WIDTH, Block, Cell, recipe_blocks, recipes_down
from pgf.analysis.tables.render import markdown_block


def block(recipes: tuple[str, ...], *, targets: int, papers: frozenset[int] = frozenset()) -> Block:
    """Return a block whose cells name their place; some targets have a row of the paper's."""
    rows = []
    for i in range(targets):
        rows.append((Cell(f"t{i}"), *(Cell(f"t{i} {name}") for name in recipes)))
        if i in papers:
            rows.append(
                (Cell("paper", italic=True), *(Cell(f"p{i} {n}", italic=True) for n in recipes))
            )
    return Block(("target", *recipes), tuple(rows), title="Title")


@given(
    st.integers(1, 20),
    st.integers(1, 15).flatmap(
        lambda count: st.tuples(
            st.just(count), st.frozensets(st.integers(0, count - 1), max_size=count)
        )
    ),
)
def test_every_cell_is_there_once_beside_its_recipe(recipes, targets):
    count, papers = targets
    names = tuple(f"r{i}" for i in range(recipes))
    whole = block(names, targets=count, papers=papers)
    turned = recipes_down(whole)
    found = [cell for part in turned for row in part.rows for cell in row[1:]]
    expected = [cell for row in whole.rows for cell in row[1:]]
    assert sorted(cell.text for cell in found) == sorted(cell.text for cell in expected)
    for i, part in enumerate(turned):
        assert part.title == ("Title (continued)" if i else "Title")
        assert 2 <= len(part.header) <= WIDTH + 1 and part.header[1] != "paper"
        for row in part.rows:
            assert all(cell.text.endswith(f" {row[0].text}") for cell in row[1:])
            for head, cell in zip(part.header[1:], row[1:], strict=True):
                assert cell.italic == (head == "paper")


@pytest.mark.parametrize("count", [PANEL, PANEL + 1])
def test_a_few_recipes_stand_across_as_the_paper_has_them(count):
    names = [f"r{i}" for i in range(count)]
    (made,) = recipe_blocks(lambda shown: block(shown, targets=3), ["dense"], names)
    assert made.header[0] == ("target" if count == PANEL else "recipe")


def test_a_bar_in_a_heading_breaks_no_table():
    block = Block(("a|b", "c"), ((Cell("1"), Cell("2|3")),))
    head, _, line = markdown_block(block).splitlines()
    assert re.split(r"(?<!\\)\|", head)[1:-1] == [r" a\|b ", "    c "]
    assert len(re.split(r"(?<!\\)\|", line)) == 4
