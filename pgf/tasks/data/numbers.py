"""Numbers in English and German words: a translation task made from a seed, for small machines.

The words are those of `num2words`, which takes a third of a millisecond a number; here it is asked
for the numbers below 1000 alone, and the rest is put together from these.
"""

import random
from collections.abc import Sequence
from functools import cache

from pgf.errors import UserError

LIMIT = 10**9
"""Numbers are below this."""

Pair = tuple[str, str]
"""English words with single spaces between them, and German ones."""


def number_word_splits(
    *, below: int, train: int, validation: int, test: int, seed: int
) -> dict[str, list[Pair]]:
    """Return pairs by split; no number is in two of them.

    Args:
        below: numbers are drawn uniformly from 0 up to but not including this.
        train: pairs in the split `train`; the others likewise.
        validation: see `train`.
        test: see `train`.
        seed: of the draw. The same one gives the same pairs in the same order.

    Raises:
        UserError: more pairs than numbers, a bound out of range, or num2words is absent.
    """
    pairs = number_words(below=below, count=train + validation + test, seed=seed)
    ends = (train, train + validation)
    return {
        "train": pairs[: ends[0]],
        "validation": pairs[ends[0] : ends[1]],
        "test": pairs[ends[1] :],
    }


def number_words(*, below: int, count: int, seed: int) -> list[Pair]:
    """Return `count` distinct numbers below `below`, drawn uniformly, in English and German.

    Raises:
        UserError: more pairs than numbers, a bound out of range, or num2words is absent.
    """
    if not 1 <= below <= LIMIT:
        raise UserError(f"below must be from 1 to {LIMIT:,}; it is {below:,}")
    if not 0 <= count <= below:
        raise UserError(f"{count:,} distinct numbers cannot be drawn from {below:,}; lower the sum")
    numbers = random.Random(seed).sample(range(below), count)
    return [(english(number), german(number)) for number in numbers]


def english(number: int) -> str:
    """Return a number below 10^9 in lower-case words with one space between: `forty two`.

    num2words' own, without hyphen, comma and "and", so that every word stands for itself.
    """
    small = small_numbers("en")
    if number < 1000:
        return small[number]
    parts = zip(_groups(number), ("million", "thousand", ""), strict=True)
    return " ".join(f"{small[group]} {unit}".strip() for group, unit in parts if group)


def german(number: int) -> str:
    """Return a number below 10^9 in German as num2words has it: `zweiundvierzigtausend`.

    One word below a million. From there millions are words of their own, as in German, and 101,000
    is num2words' `einhunderteinstausend` where a grammar wants `einhunderteintausend`.
    """
    small = small_numbers("de")
    if number < 1000:
        return small[number]
    millions, thousands, rest = _groups(number)
    words = []
    if millions:
        words.append("eine Million" if millions == 1 else f"{small[millions]} Millionen")
    last = small[rest] if rest else ""
    if thousands:
        last = f"{'ein' if thousands == 1 else small[thousands]}tausend{last}"
    return " ".join([*words, last]).strip()


@cache
def small_numbers(language: str) -> Sequence[str]:
    """Return the words of 0 to 999 in `en` or `de`.

    Raises:
        UserError: num2words is absent.
    """
    try:
        from num2words import num2words  # a tenth of a second, and absent from training machines
    except ImportError as error:
        raise UserError("number words need the package num2words; pip install num2words") from error
    words = [str(num2words(number, lang=language)) for number in range(1000)]
    if language == "en":
        words = [word.replace("-", " ").replace(" and ", " ") for word in words]
    return tuple(words)


def _groups(number: int) -> tuple[int, int, int]:
    return number // 10**6, number // 1000 % 1000, number % 1000
