"""Several processes that train one run: who they are, and what they tell each other.

Outside a group (`torchrun` makes one) everything here is of one process and does nothing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pgf.errors import UserError
from pgf.training.interruption import Watch

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store  # torch.distributed does not name it

T = TypeVar("T")
WAIT = timedelta(hours=4)
"""Longest wait of processes for each other; the first one alone evaluates."""


def rank() -> int:
    """Return the number of this process in its group; 0 is the one that writes."""
    return dist.get_rank() if dist.is_initialized() else 0


def size() -> int:
    """Return the number of processes that share every batch."""
    return dist.get_world_size() if dist.is_initialized() else 1


def launched_processes() -> int:
    """Return the number of processes that `torchrun` started this one with; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def group(*, on_gpus: bool = True, store: "Store | None" = None) -> Iterator[None]:
    """Join the processes that `torchrun` started, over NCCL where each has a GPU, else gloo.

    Args:
        on_gpus: False to stay on processors.
        store: where processes that something else started meet, by their `RANK`.

    Raises:
        UserError: there are GPUs, and fewer than processes.
    """
    if launched_processes() == 1:
        yield
        return
    gpus = on_gpus and torch.cuda.is_available()
    if gpus:
        here, there = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if here >= there:
            raise UserError(
                f"training.processes wants a GPU for each process of a machine, and torch sees "
                f"{there} here: lower it, or set training.device: cpu"
            )
        torch.cuda.set_device(here)
    # gloo beside NCCL: objects and counts go between the processors.
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if gpus else "gloo",
        timeout=WAIT,
        store=store,
        rank=int(os.environ["RANK"]) if store else -1,
        world_size=launched_processes() if store else -1,
    )
    try:
        yield
    finally:
        dist.destroy_process_group()


def averaging(model: nn.Module, device: torch.device) -> nn.Module:
    """Return the model such that backward passes leave the mean gradient of all processes."""
    if size() == 1 or not any(p.requires_grad for p in model.parameters()):
        return model
    return DistributedDataParallel(
        model, device_ids=[device.index] if device.type == "cuda" else None
    )


def total(values: Sequence[float]) -> list[float]:
    """Return the sums over all processes."""
    if size() == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64)
    dist.all_reduce(tensor)
    return [float(value) for value in tensor]


def shares(weights: Sequence[float]) -> list[float]:
    """Return weights as shares of the sum over all processes."""
    (whole,) = total([sum(weights)])
    return [weight / whole for weight in weights]


def add_up(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its sum over all processes."""
    if size() > 1:
        for tensor in tensors:
            dist.all_reduce(tensor)


def highest(value: int) -> int:
    """Return the highest of the values of all processes."""
    if size() == 1:
        return value
    tensor = torch.tensor(value)
    dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
    return int(tensor)


def agreed(watch: Watch) -> str:
    """Return why to stop; the signal that one process was sent, all of them know from now on."""
    seen = everyone((watch.signalled, watch.reason()))
    watch.signalled, reason = max(seen)
    return reason or max(why for _, why in seen)


def together() -> None:
    """Wait until all processes are here."""
    highest(0)


def everyone(value: T) -> list[T]:
    """Return the values of all processes, in their order; plain values, no code."""
    if size() == 1:
        return [value]
    values: list[Any] = [None] * size()
    dist.all_gather_object(values, value)
    return values


def from_first(value: T) -> T:
    """Return the first process's value."""
    if size() == 1:
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def take_from_first(tensors: Sequence[Tensor]) -> None:
    """Give all processes the first one's tensors, in place."""
    if size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)
