"""Sequences of which the second part is to be predicted, padded in batches of like lengths."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from pgf.tasks.data.streams import Batch
from pgf.tasks.data.texts import IGNORED, PADDING, LikeLengths, padded


@dataclass(frozen=True)
class Continuations(LikeLengths):
    """Rows of token ids; the loss counts what follows the given tokens of each."""

    rows: Sequence[Sequence[int]]
    given: Sequence[int]
    """Tokens at the beginning of each row that are given, the mark before the rest included."""
    pool: int = 50

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens of every row."""
        return np.array([len(row) for row in self.rows], dtype=np.int64)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every row once, the longest first."""
        order = np.argsort(-self.lengths, kind="stable")
        for start in range(0, len(self), batch_size):
            yield self.batch(order[start : start + batch_size])

    def batch(self, indices: npt.NDArray[np.int64]) -> Batch:
        """Return inputs and labels (rows, tokens); a label that does not count is `IGNORED`."""
        rows = [self.rows[i] for i in indices]
        labels = [
            [*[IGNORED] * (self.given[i] - 1), *self.rows[i][self.given[i] :]] for i in indices
        ]
        return padded([row[:-1] for row in rows], PADDING), padded(labels, IGNORED)

    def on(self, device: torch.device) -> "Continuations":
        """Return itself: rows go to the device batch by batch."""
        del device
        return self
