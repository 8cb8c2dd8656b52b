"""Masters that are the same in all processes that train replicas of one model."""

import math
from collections.abc import Sequence
from enum import Enum, auto

import torch
import torch.distributed as dist
from torch import Tensor

from pgf.errors import UserError
from pgf.sparsity.shards import is_sharded
from pgf.sparsity.sparse_layer import SparseLayer


class Agreement(Enum):
    """Outcome of a comparison of masters between processes."""

    SAME = auto()
    TAKEN_OVER = auto()
    UNKNOWN = auto()


@torch.no_grad()
def agree(layers: Sequence[SparseLayer]) -> Agreement:
    """Give replicas the masters of the first process, where theirs are others.

    DistributedDataParallel gives all processes the weights of the first when it is made. What is
    pruned then is 0 everywhere, but the dense masters behind it are not the same. Replicas are
    processes with the same gradients. To be called by all processes, when they have gradients.

    Returns:
        Whether the masters were the same. Gradients that are not finite say nothing: ask again.

    Raises:
        UserError: the masters of replicas differ, and not all processes are replicas.
    """
    moving = [layer for layer in layers if layer.master.grad is not None]
    if not (dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1):
        return Agreement.SAME
    if any(is_sharded(layer.parameter) for layer in layers):
        return Agreement.SAME
    masters = {layer.weight_name: layer.master for layer in moving}
    gradients = [own.grad for own in masters.values() if own.grad is not None]
    sums = torch.stack([_sum(gradients), _sum(list(masters.values()))])
    device = next(iter(masters.values())).device if masters else torch.device("cpu")
    everyone = [torch.zeros_like(sums, device=device) for _ in range(dist.get_world_size())]
    dist.all_gather(everyone, sums.to(device))
    seen = [tuple(float(value) for value in own) for own in everyone]
    if not all(math.isfinite(gradient) for gradient, _ in seen):
        return Agreement.UNKNOWN
    if len({gradient for gradient, _ in seen}) == 1:
        if len(set(seen)) > 1:
            for master in masters.values():
                dist.broadcast(master.detach(), src=0)
            return Agreement.TAKEN_OVER
    elif len({gradient for gradient, _ in seen}) < len(set(seen)):
        raise UserError(
            "processes that train replicas of one model have other dense masters: call attach (or "
            "make the Sparsifier) after DistributedDataParallel, or seed all processes alike"
        )
    return Agreement.SAME


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for tensor in tensors:
        total += tensor.detach().double().sum().cpu()
    return total
