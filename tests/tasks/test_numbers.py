"""Generated texts: what num2words says, the same from a seed, and no number in two splits."""

import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from pgf.errors import UserError
from pgf.tasks.data.numbers import (
    LIMIT,
    english,
    german,
    number_word_splits,
    number_words,
    small_numbers,
)

SIZES = {"train": 300, "validation": 40, "test": 60}


def in_words(number: int) -> str:
    words = num2words(number, lang="en").replace(",", " ").replace("-", " ").split()
    return " ".join(word for word in words if word != "and")


@given(number=st.one_of(st.integers(0, 10**6 - 1), st.integers(0, LIMIT - 1)))
@example(number=1_000)
@example(number=1_001)
@example(number=101_001)
@example(number=1_000_000)
@example(number=1_001_000)
@example(number=101_000_001)
@example(number=LIMIT - 1)
def test_words_put_together_are_those_of_num2words(number: int) -> None:
    assert english(number) == in_words(number)
    assert german(number) == num2words(number, lang="de")


def test_words_stand_alone_and_german_is_one_word() -> None:
    assert english(4217) == "four thousand two hundred seventeen"
    assert german(4217) == "viertausendzweihundertsiebzehn"
    words = {word for number in range(1000) for word in english(number).split(" ")}
    assert len(words) == 29  # zero to nineteen, twenty to ninety, and hundred
    assert all(word.isalpha() and word.islower() for word in words)


@pytest.mark.parametrize("below", [400, 10**6, LIMIT])
def test_no_number_is_in_two_splits(below: int) -> None:
    splits = number_word_splits(below=below, **SIZES, seed=7)
    assert {name: len(pairs) for name, pairs in splits.items()} == SIZES
    pairs = [pair for name in splits for pair in splits[name]]
    assert len({pair[0] for pair in pairs}) == len({pair[1] for pair in pairs}) == len(pairs)


def test_the_seed_says_which_numbers() -> None:
    one, again, other = (number_words(below=10**6, count=50, seed=s) for s in (3, 3, 4))
    assert one == again and not set(one) & set(other)


def test_numbers_are_drawn_uniformly() -> None:
    numbers = {english(number): number for number in range(10_000)}
    drawn = [numbers[pair[0]] for pair in number_words(below=10_000, count=5_000, seed=0)]
    counts = [sum(number // 1000 == digit for number in drawn) for digit in range(10)]
    assert sum(counts) == 5_000 and min(counts) > 400 and max(counts) < 600


def test_all_numbers_can_be_drawn() -> None:
    assert sorted(number_words(below=30, count=30, seed=1)) == sorted(
        (english(number), german(number)) for number in range(30)
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"below": 10, "count": 11}, "11 distinct numbers cannot be drawn from 10"),
        ({"below": 10, "count": -1}, "-1 distinct numbers"),
        ({"below": 0, "count": 0}, "below must be from 1 to 1,000,000,000; it is 0"),
        ({"below": LIMIT + 1, "count": 1}, "below must be from 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        number_words(**options, seed=0)


def test_without_num2words_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "num2words", None)
    small_numbers.cache_clear()
    with pytest.raises(UserError, match="pip install num2words"):
        number_words(below=10, count=1, seed=0)
