"""Pairs of texts in batches of like lengths, as a pure function of seed and step."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.seeds import seed_for
from pgf.tasks.data.streams import ALL, Batch, Part, ahead, share_of

PADDING = 0
"""Token that fills inputs up: the first of every vocabulary here, as of T5's."""
IGNORED = -100
"""Label that fills rows up; torch's cross-entropy leaves it out."""

Texts: TypeAlias = Any
"""A `pyarrow.ChunkedArray` of texts."""
Encode = Callable[[Sequence[str]], list[list[int]]]
"""Texts -> tokens, the end mark included."""


class LikeLengths(ABC):
    """Training batches of samples of like lengths."""

    pool: int
    """Batches of an epoch whose samples are sorted by length together; 1 sorts nothing."""

    @property
    @abstractmethod
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of every sample."""

    @abstractmethod
    def batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        """Return inputs and labels of samples by number, padded."""

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        own = slice(*share_of(batch_size, part))
        batches = like_lengths(
            self.lengths, batch_size=batch_size, seed=seed, first_step=first_step, pool=self.pool
        )
        # Cutting a batch into tokens takes as long as a seventh of a small model's step.
        yield from ahead(self.batch(indices[own]) for indices in batches)


@dataclass(frozen=True)
class TextData(LikeLengths):
    """Sources and targets, kept as texts in Arrow's memory and cut into tokens batch by batch."""

    sources: Texts
    targets: Texts
    encode: Encode = field(repr=False)
    pool: int = 50

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]], *, encode: Encode, pool: int = 50) -> "TextData":
        """Return the data of pairs that are at hand."""
        return cls(*columns_of(pairs), encode, pool)

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Characters of every source with its target: close to tokens, and known at once."""
        total = pc.add(pc.utf8_length(self.sources), pc.utf8_length(self.targets))
        return np.asarray(total.to_numpy(), dtype=np.int64)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once."""
        for start in range(0, len(self), batch_size):
            yield self.batch(np.arange(start, min(start + batch_size, len(self))))

    def on(self, device: torch.device) -> "TextData":
        """Return itself: texts go to the device batch by batch, cut into tokens."""
        del device
        return self

    def by_length(self, batch_size: int) -> Iterator[tuple[npt.NDArray[np.int64], Batch]]:
        """Yield every sample once, the longest first, each batch with its indices."""
        order = np.argsort(-self.lengths, kind="stable")
        for start in range(0, len(self), batch_size):
            indices = order[start : start + batch_size]
            yield indices, self.batch(indices)

    def batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        """Return token ids of the sources and labels of the targets, each (samples, length)."""
        taken = pa.array(indices)
        sources = self.encode(self.sources.take(taken).to_pylist())
        targets = self.encode(self.targets.take(taken).to_pylist())
        return padded(sources, PADDING), padded(targets, IGNORED)


def columns_of(pairs: Sequence[tuple[str, str]]) -> tuple[Texts, Texts]:
    """Return the sources and the targets of pairs that are at hand."""
    sources, targets = zip(*pairs, strict=True)
    return as_texts(sources), as_texts(targets)


def as_texts(texts: Sequence[str]) -> Texts:
    """Return texts in Arrow's memory."""
    return pa.chunked_array([pa.array(texts, pa.string())])


def joined(parts: Sequence[Texts]) -> Texts:
    """Return texts of several columns as one, in one piece.

    Samples of a column in several pieces are had by copying the whole of it, batch by batch.
    """
    chunks = [chunk for part in parts for chunk in part.cast(pa.large_string()).chunks]
    return pa.chunked_array([pa.concat_arrays(chunks)])


def padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    """Return rows of ids as one tensor, as long as the longest."""
    length = max(map(len, rows))
    return torch.tensor([[*row, *[value] * (length - len(row))] for row in rows])


def like_lengths(
    lengths: npt.NDArray[np.int64], *, batch_size: int, seed: int, first_step: int = 0, pool: int
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield sample indices for ever, a batch each, from `first_step` on.

    Every epoch is a permutation of its own, less what is left over at its end. Within each `pool`
    batches of it samples are sorted by length, so that little is padded, then all batches are
    shuffled.

    Raises:
        UserError: a batch holds more samples than there are.
    """
    per_epoch = len(lengths) // batch_size
    if per_epoch == 0:
        raise UserError(f"batch_size {batch_size} is more than the {len(lengths)} training samples")
    epoch, position = divmod(first_step, per_epoch)
    while True:
        generator = np.random.default_rng(seed_for(seed, "order", epoch))
        order = generator.permutation(len(lengths))[: per_epoch * batch_size]
        pools = np.arange(len(order)) // (batch_size * pool)
        if pool > 1:
            order = order[np.lexsort((lengths[order], pools))]
        batches = order.reshape(per_epoch, batch_size)[generator.permutation(per_epoch)]
        # Rows in random order: halves and micro-batches of a sorted batch would differ in length.
        yield from generator.permuted(batches, axis=1)[position:]
        epoch, position = epoch + 1, 0
