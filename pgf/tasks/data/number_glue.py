"""GLUE's tasks asked of numbers: rows in the hub's columns, made from a seed.

They are for machines too small for English. Each asks of a number, or of an English and a German
one, what its namesake asks of sentences, and a T5 of width 64 learns all four together in some
hundred steps. That is why the two sentences of a pair share no word: a network then knows whose
number a word is of without its position. To compare two English numbers took four times the steps.
"""

import random
from collections.abc import Callable, Mapping
from typing import Any

from pgf.errors import UserError, nearest
from pgf.tasks.data.numbers import english, small_numbers

Row = dict[str, Any]

BELOW: Mapping[str, int] = {"cola": 1000, "mrpc": 1000, "rte": 100, "stsb": 100}
"""Bounds with which tasks are learnt in some hundred steps and have 1900 rows each."""
WORST_LUCK = 1000
"""Draws in a row that give nothing new before there is taken to be nothing new."""


def number_glue(
    name: str, *, below: int, train: int, validation: int, test: int, seed: int
) -> dict[str, list[Row]]:
    """Return the rows of a task by split, distinct in all splits together.

    In each split half of the rows have each label, STS-B's apart. Numbers, as opposed to rows, can
    be in two splits.

    Args:
        name: `cola`, `mrpc`, `rte` or `stsb`.
        below: numbers are below this, at most 1000; more of them is harder. `BELOW` has advice.
        train: rows in the split `train`; the others likewise.
        validation: see `train`.
        test: see `train`.
        seed: of everything that is drawn. The same one gives the same rows in the same order.

    Raises:
        UserError: no such task, a bound out of range, more rows than there are, or num2words is
            absent.
    """
    if name not in MAKERS:
        raise UserError(f"no GLUE task of numbers '{name}': {nearest(name, MAKERS)}")
    if not 30 <= below <= 1000:
        raise UserError(f"below must be from 30 to 1000; it is {below}")
    # Seeded by a text, which does not depend on Python's hashes, so that tasks differ.
    generator = random.Random(f"{name} {seed}")
    seen: set[tuple[Any, ...]] = set()
    splits: dict[str, list[Row]] = {}
    for split, count in {"train": train, "validation": validation, "test": test}.items():
        rows = [_new_row(name, below, i % 2, generator, seen) for i in range(count)]
        generator.shuffle(rows)
        splits[split] = [row | {"idx": i} for i, row in enumerate(rows)]
    return splits


def german_words(number: int) -> str:
    """Return a number below 1000 in German with a space between all its words.

    So written it is no German, but a vocabulary of words holds it: `zwei hundert ein und vierzig`.
    """
    words = small_numbers("de")
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        return f"{_joint(hundreds)} hundert {german_words(rest) if rest else ''}".strip()
    tens, units = divmod(number, 10)
    if tens < 2 or not units:
        return words[number]
    return f"{_joint(units)} und {words[10 * tens]}"


def _joint(digit: int) -> str:
    """Return a digit as it stands before another word, where `eins` is `ein`."""
    return "ein" if digit == 1 else small_numbers("de")[digit]


def _new_row(
    name: str, below: int, label: int, generator: random.Random, seen: set[tuple[Any, ...]]
) -> Row:
    for _ in range(WORST_LUCK):
        row = MAKERS[name](generator, below, label)
        texts = tuple(value for key, value in row.items() if key != "label")
        if texts not in seen:
            seen.add(texts)
            return row
    raise UserError(
        f"{name}: numbers below {below} make hardly more than {len(seen)} rows; ask for fewer rows"
    )


def _acceptable(generator: random.Random, below: int, label: int) -> Row:
    """Return the words of a number, if unacceptable with two neighbours exchanged.

    Below 1000 no exchange gives another number's words.
    """
    while True:
        # One word has no order. Without its numbers the length of a text tells nothing.
        words = english(generator.randrange(21, below)).split()
        if len(words) < 2:
            continue
        if not label:
            i = generator.randrange(len(words) - 1)
            words[i], words[i + 1] = words[i + 1], words[i]
        return {"sentence": " ".join(words), "label": label}


def _equivalent(generator: random.Random, below: int, label: int) -> Row:
    """Return an English and a German number, which are the same if equivalent."""
    one, other = generator.sample(range(below), 2)
    return {
        "sentence1": english(one),
        "sentence2": german_words(one if label else other),
        "label": label,
    }


def _entailed(generator: random.Random, below: int, label: int) -> Row:
    """Return an English number, and "more than" a German one: true of the first if entailed (0)."""
    lesser, greater = sorted(generator.sample(range(below), 2))
    one, other = (lesser, greater) if label else (greater, lesser)
    return {
        "sentence1": english(one),
        "sentence2": f"mehr als {german_words(other)}",
        "label": label,
    }


def _similar(generator: random.Random, below: int, label: int) -> Row:
    """Return two numbers, with 5 (1 - |a - b| / below) to the nearest 0.2 as their similarity."""
    del label
    one, other = generator.randrange(below), generator.randrange(below)
    return {
        "sentence1": english(one),
        "sentence2": german_words(other),
        "label": round(25 * (1 - abs(one - other) / below)) / 5,
    }


MAKERS: dict[str, Callable[[random.Random, int, int], Row]] = {
    "cola": _acceptable,
    "mrpc": _equivalent,
    "rte": _entailed,
    "stsb": _similar,
}
"""From generator, bound and wanted label to a row."""
