"""Batches as a pure function of seed and step, so that a run can resume anywhere."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from timm.data.distributed_sampler import RepeatAugSampler
from torch import Tensor

from pgf.errors import UserError
from pgf.seeds import seed_for

Batch = tuple[Tensor, Tensor]
"""Inputs and labels; the first axis runs over samples."""

Place = tuple[int, int, Tensor]
"""Of a batch: the epoch, the position in it, and the samples' indices."""

Part = tuple[int, int]
"""Share of every batch: the number of this process, and the number of processes."""
ALL: Part = (0, 1)


def index_batches(
    n: int,
    *,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    part: Part = ALL,
    repeats: int = 1,
) -> Iterator[Place]:
    """Yield the place of batch after batch for ever, from `first_step` on.

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


class IndexedData(ABC):
    """Training batches of a data set whose samples have numbers."""

    repeats = 1

    @abstractmethod
    def __len__(self) -> int: ...

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        places = index_batches(
            len(self),
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            part=part,
            repeats=self.repeats,
        )
        return self._batches(places, seed)

    @abstractmethod
    def _batches(self, places: Iterator[Place], seed: int) -> Iterator[Batch]: ...


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, without waiting for what the device has still to do."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


@dataclass(frozen=True)
class TensorData(IndexedData):
    """A data set that fits in memory, without augmentation."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def _batches(self, places: Iterator[Place], seed: int) -> Iterator[Batch]:
        del seed
        for _, _, indices in places:
            there = moved(indices, self.inputs.device)
            yield self.inputs[there], self.labels[there]

    def on(self, device: torch.device) -> "TensorData":
        """Return the data set in the memory of a device."""
        if self.inputs.device == device:
            return self
        return TensorData(self.inputs.to(device), self.labels.to(device))

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once."""
        yield from zip(self.inputs.split(batch_size), self.labels.split(batch_size), strict=True)


class TrainingData(Protocol):
    """A data set that yields batches for training and for evaluation."""

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
    """A task's training and evaluation data."""

    train: TrainingData
    test: TrainingData
    fingerprint: str
    """Hash of the data's content, or of what identifies it."""
    test_name: str = "test"
    """Name of the evaluated split in the data."""
    left_out: int = 0
    """Samples that could not be used and were left out, as asked."""
    sections: Mapping[str, int] = field(default_factory=dict)
    """Samples of each part of `test`, in its order, where it has parts."""

    def on(self, device: torch.device) -> "Splits":
        """Return the splits with what fits in memory on a device; the rest comes batch by batch."""
        return replace(self, train=self.train.on(device), test=self.test.on(device))
