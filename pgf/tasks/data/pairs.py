"""Pairs of texts: those that lack a text, and those that are too long."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pgf.errors import UserError
from pgf.tasks.data.texts import Texts
from pgf.tasks.data.tokens import Codec

SLICE = 10_000
Pairs = tuple[Texts, Texts]
"""Sources and targets."""


def without_blank(splits: Mapping[str, Pairs]) -> dict[str, Pairs]:
    """Return the splits, `train` without the pairs that lack a text.

    Raises:
        UserError: another split has such a pair, or `train` no other.
    """
    pairs = dict(splits)
    for name, pair in splits.items():
        blank = pc.or_(*(_is_blank(texts) for texts in pair))
        if name == "train":
            whole = pc.invert(blank)
            pairs[name] = (pair[0].filter(whole), pair[1].filter(whole))
        elif pc.any(blank).as_py():
            raise UserError(f"{name}: pair {pc.index(blank, True).as_py()} lacks a text")
    if not len(pairs["train"][0]):
        raise UserError("train: no pair has both texts")
    return pairs


def _is_blank(texts: Texts) -> Any:
    return pc.fill_null(pc.equal(pc.utf8_trim_whitespace(texts), ""), True)


def fits(pair: Pairs, codec: Codec, *, limit: int) -> npt.NDArray[np.bool_]:
    """Return which pairs have at most `limit` tokens; only long texts are cut into tokens."""
    short = np.ones(len(pair[0]), dtype=bool)
    for texts in pair:
        # A token has a character at least, of the text as tokenizers normalise it; beside them
        # are the end mark and a first space.
        lengths = pc.utf8_length(pc.utf8_normalize(texts, form="NFKC"))
        doubtful = np.flatnonzero(lengths.to_numpy() > limit - 2)
        counts = [
            len(row)
            for part in slices(texts.take(pa.array(doubtful)))
            for row in codec.encode(part.to_pylist())
        ]
        short[doubtful] &= np.array(counts, dtype=int) <= limit
    return short


def refuse_longer(
    longer: npt.NDArray[np.int64], pair: Pairs, codec: Codec, *, limit: int, where: str
) -> None:
    """Check that no pair is too long.

    Args:
        longer: numbers of the pairs that are.
        pair: all of them.
        codec: cuts texts into tokens.
        limit: the option `max_length`.
        where: what they are, for the message.

    Raises:
        UserError: there is one.
    """
    if not len(longer):
        return
    tokens = codec.encode([texts[int(longer[0])].as_py() for texts in pair])
    raise UserError(
        f"{len(longer)} of {len(pair[0])} pairs of {where} are longer than max_length "
        f"{limit}, the first one, number {longer[0]}, with {len(tokens[0])} and "
        f"{len(tokens[1])} tokens: raise max_length, or set longer to truncate or leave_out"
    )


def slices(texts: Texts) -> Iterator[Texts]:
    """Yield texts some thousands at a time: millions of Python's own take gigabytes."""
    for start in range(0, len(texts), SLICE):
        yield texts.slice(start, SLICE)
