"""A data set read and augmented sample by sample."""

import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.seeds import seed_for
from pgf.tasks.data.streams import Batch, IndexedData, Place

Key = tuple[int | None, int, int, int]
"""Run seed (None: no augmentation), epoch, sample index, and which of its repeats in the epoch."""


def seed_all(seed: int) -> None:
    """Seed all global CPU generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


@contextmanager
def isolated_rng(seed: int | None = None) -> Iterator[None]:
    """Seed all global CPU generators inside, if with anything, and leave none of it behind."""
    saved = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    if seed is not None:
        seed_all(seed)
    try:
        yield
    finally:
        random.setstate(saved[0])
        np.random.set_state(saved[1])
        torch.set_rng_state(saved[2])


@dataclass(frozen=True)
class MappedData(IndexedData):
    """A data set read sample by sample, augmented by a seed of its own per epoch and sample."""

    read: Callable[[int], tuple[Any, int]]
    """Index -> (image, label)."""
    size: int
    training_transform: Callable[[Any], Tensor]
    evaluation_transform: Callable[[Any], Tensor]
    workers: int = 0
    repeats: int = 1
    """Augmented copies of a sample in a row: repeated augmentation (arXiv 1901.09335)."""

    def __len__(self) -> int:
        return self.size

    def _batches(self, places: Iterator[Place], seed: int) -> Iterator[Batch]:
        keys: Iterator[list[Key]] = (
            # A sample's repeats stand in a row: the position says which of them this is.
            [(seed, epoch, i, at % self.repeats) for at, i in enumerate(indices.tolist(), start)]
            for epoch, start, indices in places
        )
        yield from self._loader(keys)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once."""
        starts = range(0, len(self), batch_size)
        keys: Iterator[list[Key]] = (
            [(None, 0, i, 0) for i in range(s, min(s + batch_size, len(self)))] for s in starts
        )
        yield from self._loader(keys)

    def on(self, device: torch.device) -> "MappedData":
        """Return itself: what is read sample by sample goes to the device batch by batch."""
        del device
        return self

    def __getitem__(self, key: Key) -> tuple[Tensor, int]:
        return self.__getitems__([key])[0]

    def __getitems__(self, keys: list[Key]) -> list[tuple[Tensor, int]]:
        """Return samples of a batch; the generators' states are kept once for all of them."""
        with isolated_rng():
            return [self._sample(*key) for key in keys]

    def _sample(self, seed: int | None, epoch: int, index: int, repeat: int) -> tuple[Tensor, int]:
        image, label = self.read(index)
        if seed is None:
            return self.evaluation_transform(image), label
        seed_all(seed_for(seed, "augmentation", epoch, index, repeat))
        return self.training_transform(image), label

    def _loader(self, keys: Iterator[list[Key]]) -> Iterator[Batch]:
        # A generator of its own: a loader otherwise draws its workers' seed from the global one.
        loader: Iterable[Batch] = torch.utils.data.DataLoader(
            self,  # type: ignore[arg-type]  # a map-style data set by protocol
            batch_sampler=keys,
            num_workers=min(self.workers, os.cpu_count() or 1),
            generator=torch.Generator().manual_seed(0),
        )
        try:
            yield from loader
        except UserError as error:
            # A worker's error arrives with the worker's traceback as its text.
            text = str(error).strip().splitlines()[-1]
            raise UserError(text.removeprefix("pgf.errors.UserError: ")) from error
