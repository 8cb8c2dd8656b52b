"""Masks by connection sensitivity, from one gradient at the dense weights."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

import torch
from torch import nn

from pgf.recipes import MaskSource
from pgf.sparsity import Sparsifier, nm_mask
from pgf.tasks import Batch, Task
from pgf.training import parallel
from pgf.training.optimization import Precision


def fix_saliency_masks(
    task: Task,
    sparsifier: Sparsifier,
    micro_batches: Sequence[Batch],
    shares: Sequence[float],
    *,
    step: int,
    precision: Precision,
) -> None:
    """Fix the masks that a step waits for; to be called before its `refresh`.

    Weights, gradients, buffers and generators are left as they were: the batch can be trained on
    as if nobody had looked at it, with the same dropout.

    Args:
        task: gives the loss.
        sparsifier: holds the masks.
        micro_batches: this process's parts of the batch.
        shares: what part of the whole batch each of them is.
        step: the step that is about to be done.
        precision: of the forward passes.
    """
    waiting = sparsifier.awaiting(MaskSource.SALIENCY, step)
    if not waiting:
        return
    weights = list(sparsifier.effective.values())
    sums = [torch.zeros_like(weight) for weight in weights]
    # In float16 small gradients are zero without a loss scale, and the scaler has not settled.
    half = precision.dtype is torch.float16
    with sparsifier.dense(), untouched(sparsifier.model):
        for micro_batch, share in zip(micro_batches, shares, strict=True):
            with nullcontext() if half else precision.autocast():
                loss = task.loss(sparsifier.model, micro_batch) * share
            # Unused: a layer that drop-path switched off in this pass.
            found = torch.autograd.grad(loss, weights, materialize_grads=True)
            for total, gradient in zip(sums, found, strict=True):
                total += gradient
    parallel.add_up(sums)
    gradients = dict(zip(sparsifier.effective, sums, strict=True))
    for layer in waiting:
        gradient = layer.block.view(gradients[layer.weight_name])
        mask = nm_mask(layer.weight * gradient, layer.pattern)
        layer.fixed[str(MaskSource.SALIENCY)] = mask


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Leave generators and buffers as they were."""
    buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
    for name, buffer in model.named_buffers():
        buffer.data.copy_(buffers[name])
