"""Generated texts: what num2words says, the same from a seed, and no number in two splits."""

import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from num2words import num2words

from pgf.errors import UserError
from pgf.tasks.data.glue import GLUE, check_split
from pgf.tasks.data.number_glue import BELOW, MAKERS, german_words, number_glue
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


EVERY_MAKER = sorted(MAKERS)
GERMAN = {num2words(number, lang="de"): number for number in range(1000)}
ENGLISH = {in_words(number): number for number in range(1000)}


def made(name: str, **options: Any) -> dict[str, list[dict[str, Any]]]:
    return number_glue(name, **{"below": BELOW[name], "seed": 5, **SIZES, **options})


def numbers_of(row: dict[str, Any]) -> tuple[int, int]:
    """Return the numbers of a pair, read by num2words' own tables."""
    german_one = row["sentence2"].removeprefix("mehr als ").replace(" ", "")
    return ENGLISH[row["sentence1"]], GERMAN[german_one]


def right(name: str, row: dict[str, Any]) -> float:
    if name == "cola":
        return row["sentence"] in ENGLISH
    one, other = numbers_of(row)
    if name == "mrpc":
        return one == other
    if name == "rte":
        return not one > other
    return 5 - 5 * abs(one - other) / BELOW["stsb"]


@pytest.mark.parametrize("name", EVERY_MAKER)
def test_labels_are_right(name: str) -> None:
    for rows in made(name).values():
        check_split(GLUE[name], rows, name)
        for row in rows:
            assert row["label"] == pytest.approx(float(right(name, row)), abs=0.1 + 1e-9)
            assert GLUE[name].value(GLUE[name].target(row)) == row["label"]


@pytest.mark.parametrize("name", EVERY_MAKER)
def test_no_row_is_in_two_splits_or_twice(name: str) -> None:
    splits = made(name)
    assert {split: len(rows) for split, rows in splits.items()} == SIZES
    sources = [GLUE[name].source(row) for rows in splits.values() for row in rows]
    assert len(set(sources)) == sum(SIZES.values())
    assert all([row["idx"] for row in rows] == [*range(len(rows))] for rows in splits.values())


@pytest.mark.parametrize("name", sorted(set(EVERY_MAKER) - {"stsb"}))
def test_half_of_the_rows_have_each_label(name: str) -> None:
    for rows in made(name).values():
        assert set(Counter(row["label"] for row in rows).values()) == {len(rows) // 2}


@pytest.mark.parametrize("name", sorted(set(EVERY_MAKER) - {"stsb"}))
def test_the_order_tells_no_label(name: str) -> None:
    labels = [row["label"] for row in made(name)["train"]]
    assert labels[: len(labels) // 2].count(1) in range(50, 101)


@pytest.mark.parametrize("name", EVERY_MAKER)
def test_the_seed_says_which_rows(name: str) -> None:
    one, again, other = (made(name, seed=seed)["train"] for seed in (5, 5, 6))
    assert one == again
    assert sum(row in other for row in one) < len(one) / 2


def test_similar_numbers_span_the_scale() -> None:
    labels = {row["label"] for row in made("stsb", train=2000)["train"]}
    assert len(labels) > 20 and min(labels) < 0.5 and max(labels) == 5


@pytest.mark.parametrize("name", sorted(set(EVERY_MAKER) - {"cola"}))
def test_the_two_sentences_share_no_word(name: str) -> None:
    rows = made(name)["train"]
    words = [{w for row in rows for w in row[f"sentence{i}"].split()} for i in (1, 2)]
    assert not words[0] & words[1]


def test_acceptable_and_unacceptable_texts_are_of_the_same_words() -> None:
    rows = made("cola", train=1000)["train"]
    lengths = [Counter(len(r["sentence"].split()) for r in rows if r["label"] == i) for i in (0, 1)]
    assert set(lengths[0]) == set(lengths[1]) and 1 not in lengths[0]


def test_german_words_are_num2words_own_cut_up() -> None:
    assert german_words(241) == "zwei hundert ein und vierzig"
    assert all(
        german_words(n).replace(" ", "") == num2words(n, lang="de").replace(" ", "")
        for n in range(1000)
    )


@pytest.mark.parametrize("name", EVERY_MAKER)
def test_the_advised_bounds_have_rows_enough(name: str) -> None:
    assert len(made(name, train=1500, validation=200, test=200)["train"]) == 1500


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("sst2", {"below": 100}, "no GLUE task of numbers 'sst2'"),
        ("rte", {"below": 10}, "below must be from 30 to 1000; it is 10"),
        ("rte", {"below": 1001}, "below must be from 30 to 1000"),
        ("mrpc", {"below": 100}, "mrpc: numbers below 100 make hardly more than"),
    ],
)
def test_rows_that_cannot_be_had_are_refused(
    name: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        number_glue(name, **options, **SIZES, seed=0)
