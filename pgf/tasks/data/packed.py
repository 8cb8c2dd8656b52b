"""Contexts of equal length, cut from documents that stand one after another."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.tasks.data.alphabets import Alphabet
from pgf.tasks.data.streams import Batch, IndexedData, Place, moved


@dataclass(frozen=True)
class PackedData(IndexedData):
    """Contexts as inputs, and as labels the token after each of theirs."""

    ids: Tensor
    """All tokens (count,), int32."""
    context: int
    bytes_per_token: float
    """Bytes of UTF-8 for each token, on average over the text."""

    @classmethod
    def of(
        cls, documents: Iterable[str], alphabet: Alphabet, *, context: int, where: str
    ) -> "PackedData":
        """Return the contexts of documents; a rest that fills none is left out.

        Raises:
            UserError: the text is shorter than one context.
        """
        texts = list(documents)
        ids = np.concatenate([np.empty(0, np.int32), *map(alphabet.encode, texts)])
        if len(ids) <= context:
            raise UserError(
                f"{where} has {len(ids)} tokens, fewer than one context of {context} and the token "
                "after it: take a longer text or a shorter context"
            )
        # A document's end counts as a byte, as it does in `Bytes`.
        size = sum(len(text.encode()) + 1 for text in texts)
        return cls(torch.from_numpy(ids), context, size / len(ids))

    def __len__(self) -> int:
        return (len(self.ids) - 1) // self.context

    def _batches(self, places: Iterator[Place], seed: int) -> Iterator[Batch]:
        del seed
        for _, _, indices in places:
            yield self.batch(indices)

    def batch(self, indices: Tensor) -> Batch:
        """Return inputs and labels (contexts, tokens) of contexts by number."""
        starts = moved(indices, self.ids.device) * self.context
        places = starts[:, None] + torch.arange(self.context + 1, device=self.ids.device)
        windows = self.ids[places].long()
        return windows[:, :-1], windows[:, 1:]

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every context once."""
        for indices in torch.arange(len(self)).split(batch_size):
            yield self.batch(indices)

    def on(self, device: torch.device) -> "PackedData":
        """Return the data in the memory of a device."""
        if self.ids.device == device:
            return self
        return PackedData(self.ids.to(device), self.context, self.bytes_per_token)
