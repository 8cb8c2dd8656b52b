"""Numbers stay what they are: bitwise where they were made, within rounding elsewhere."""

import math

import pytest
from golden import curves

SPECS = curves.specs()
ROUNDING = 1e-3
"""Largest relative change of a loss through the order of sums on other processors."""


def numbers(lines: list[str]) -> dict[str, float]:
    """Return the values of a curve, by what stands before them."""
    split = (line.rpartition(" ") for line in lines if not line.startswith("masks "))
    return {key: float(value) for key, _, value in split}


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_short_training_gives_the_numbers_that_are_kept(name: str) -> None:
    machine, *kept = curves.path_of(name).read_text().splitlines()
    found = list(curves.lines_of(SPECS[name]))
    if machine == curves.machine():
        assert found == kept
        return
    before, now = numbers(kept), numbers(found)
    assert list(before) == list(now)
    wrong = {
        key: (before[key], now[key])
        for key in before
        if key.startswith("loss ") and not math.isclose(before[key], now[key], rel_tol=ROUNDING)
    }
    assert not wrong


def test_every_file_is_of_a_training() -> None:
    files = {path for path in curves.HERE.rglob("*.txt")}
    assert files == {curves.path_of(name) for name in SPECS}
