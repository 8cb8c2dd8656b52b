"""Batches as a pure function of seed and step, so that a run can resume anywhere."""

import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import torch
from timm.data.distributed_sampler import RepeatAugSampler
from torch import Tensor

from pgf.errors import UserError
from pgf.seeds import seed_for

Batch = tuple[Tensor, Tensor]
"""Inputs and labels; the first axis runs over samples."""

Part = tuple[int, int]
"""Which share of every batch: the number of the process and how many processes there are."""
ALL: Part = (0, 1)

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
    kept = (random.getstate(), np.random.get_state(), torch.get_rng_state())
    if seed is not None:
        seed_all(seed)
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
        torch.set_rng_state(kept[2])


def index_batches(
    n: int,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    part: Part = ALL,
    repeats: int = 1,
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield (epoch, position in it, sample indices) for ever, a batch each, from `first_step` on.

    Every epoch is a permutation of its own; what is left over at its end is dropped. With
    `repeats` each sample stands so often in a row, and an epoch holds a part of the samples. With
    `part` only that share of every batch comes, from its own position on.

    Raises:
        UserError: a batch holds more samples than there are.
    """
    per_epoch = n // batch_size
    if per_epoch == 0:
        raise UserError(f"batch_size {batch_size} is more than the {n} training samples")
    epoch, position = divmod(first_step, per_epoch)
    while True:
        order = _order(n, seed=seed_for(seed, "order", epoch), repeats=repeats)
        for i in range(position, per_epoch):
            start = i * batch_size
            first, last = share_of(batch_size, part)
            yield epoch, start + first, order[start + first : start + last]
        epoch, position = epoch + 1, 0


def share_of(batch_size: int, part: Part) -> tuple[int, int]:
    """Return the first position of a process's share of a batch, and the one after its last."""
    number, count = part
    return number * batch_size // count, (number + 1) * batch_size // count


def _order(n: int, *, seed: int, repeats: int) -> Tensor:
    if repeats == 1:
        return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    sampler = RepeatAugSampler(
        range(n), num_replicas=1, rank=0, num_repeats=repeats, selected_round=0
    )
    sampler.set_epoch(seed)
    return torch.tensor(list(sampler))


def ahead(batches: Iterator[Batch], *, count: int = 2) -> Iterator[Batch]:
    """Yield batches that a thread has made ready; they must draw from no global generator."""
    with ThreadPoolExecutor(1, thread_name_prefix="pgf-data") as pool:
        ready = deque(pool.submit(next, batches, None) for _ in range(count))
        while (batch := ready.popleft().result()) is not None:
            ready.append(pool.submit(next, batches, None))
            yield batch


@dataclass(frozen=True)
class TensorData:
    """A data set that fits in memory, without augmentation."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        batches = index_batches(
            len(self), batch_size=batch_size, seed=seed, first_step=first_step, part=part
        )
        for _, _, indices in batches:
            there = indices.to(self.inputs.device)
            yield self.inputs[there], self.labels[there]

    def on(self, device: torch.device) -> "TensorData":
        """Return the data set in the memory of a device."""
        if self.inputs.device == device:
            return self
        return TensorData(self.inputs.to(device), self.labels.to(device))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once."""
        yield from zip(self.inputs.split(batch_size), self.labels.split(batch_size), strict=True)


@dataclass(frozen=True)
class MappedData:
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

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        batches = index_batches(
            len(self),
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            part=part,
            repeats=self.repeats,
        )
        keys: Iterator[list[Key]] = (
            # A sample's repeats stand in a row: the position says which of them this is.
            [(seed, epoch, i, at % self.repeats) for at, i in enumerate(indices.tolist(), start)]
            for epoch, start, indices in batches
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


class TrainingData(Protocol):
    """What can be trained and evaluated on."""

    def __len__(self) -> int: ...

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        ...

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once."""
        ...

    def on(self, device: torch.device) -> "TrainingData":
        """Return the data set in the memory of a device; itself, if it comes batch by batch."""
        ...


@dataclass(frozen=True)
class Splits:
    """What a task trains and is evaluated on."""

    train: TrainingData
    test: TrainingData
    fingerprint: str
    """Hash of the data's content, or of what identifies it."""
    test_name: str = "test"
    """Which split it is that is evaluated, as the data names it."""
    left_out: int = 0
    """Samples that could not be used and were left out, as asked."""
    sections: Mapping[str, int] = field(default_factory=dict)
    """Samples of each part of `test`, in its order, where it has parts."""

    def on(self, device: torch.device) -> "Splits":
        """Return the splits with what fits in memory on a device; the rest comes batch by batch."""
        return replace(self, train=self.train.on(device), test=self.test.on(device))
