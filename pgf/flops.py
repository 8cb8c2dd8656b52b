"""Floating-point operations: of a model, of its sparse layers, of whole runs.

A multiplication with an addition counts as two operations. What is counted is what
`torch.utils.flop_counter` counts: matrix products, convolutions and attention; norms, activations,
softmax, masks and the optimiser are not.

The paper defines no training FLOPs (arXiv 2402.04744, appendix D has inference alone). Here, for
every sparse layer with F operations in a dense forward pass and density N/M of the pattern in
force:

- forward pass and gradient of the input: F N/M each while D = 0, F while D > 0 or dense, since
  pruned weights then still take part;
- gradient of the weight: F, because straight-through rules need it for pruned weights too; F N/M
  only where they get no gradient, under the chain rule at D = 0.

All other operations of the two passes count as they are, in every recipe. This is what hardware
with full use of N:M could save, not what today's does. Evaluations, statistics and the choice of
masks are not in it.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgf.layers import PrunableWeight
from pgf.recipes import GradientRule, Phase
from pgf.sparsifier import Sparsifier
from pgf.tasks import Task


@dataclass(frozen=True)
class ModelFlops:
    """Operations of one sample in the dense model."""

    forward: int
    training: int
    """Forward and backward pass."""
    modules: dict[str, int]
    """Forward operations by module name, those of its children included."""

    def of(self, block: PrunableWeight) -> float:
        """Return the forward operations of a layer, or of its share of a fused one."""
        weight = block.module.get_parameter("weight").detach()
        share = block.view(weight).numel() / weight.numel()
        return self.modules.get(block.module_name, 0) * share


def count_flops(task: Task, model: nn.Module) -> ModelFlops:
    """Count the operations of a model on one sample of a task, without computing anything."""
    # A copy whose parameters have shapes but no memory, made without an allocation in between.
    memo: dict[int, Tensor] = {id(b): b.detach().to("meta") for b in model.buffers()}
    memo |= {id(p): nn.Parameter(p.detach().to("meta")) for p in model.parameters()}
    shadow = copy.deepcopy(model, memo)
    inputs, labels = task.example()
    batch = inputs.to("meta"), labels.to("meta")
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), torch.no_grad(), counter:
        task.loss(shadow, batch)
    prefix = f"{type(shadow).__name__}."
    modules = {
        name.removeprefix(prefix): sum(by_operator.values())
        for name, by_operator in counter.get_flop_counts().items()
    }
    whole = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), whole:
        task.loss(shadow, batch).backward()
    return ModelFlops(counter.get_total_flops(), whole.get_total_flops(), modules)


def passes(phase: Phase) -> float:
    """Return what a sparse layer's three products cost in a phase, as a multiple of F.

    3 when dense: forward pass, gradient of the input, gradient of the weight.
    """
    if phase.pattern is None or phase.mask_decay > 0:
        return 3.0
    density = phase.pattern.density
    restricted = phase.gradient_rule is GradientRule.CHAIN_RULE
    return 2.0 * density + (density if restricted else 1.0)


def inference_flops(flops: ModelFlops, sparsifier: Sparsifier) -> float:
    """Return the forward operations of one sample at the strict target."""
    saved = (flops.of(layer.block) * (1 - layer.pattern.density) for layer in sparsifier.layers)
    return flops.forward - math.fsum(saved)


def training_flops(
    flops: ModelFlops, sparsifier: Sparsifier, *, batch_size: int, after: Sequence[int]
) -> list[float]:
    """Return the operations of training up to and after each number of steps, in rising order."""
    by_key: dict[object, float] = {}
    for layer in sparsifier.layers:
        key = (layer.pattern, layer.block.width)
        by_key[key] = by_key.get(key, 0.0) + flops.of(layer.block)
    rest = flops.training - 3.0 * math.fsum(by_key.values())
    total, done, totals = 0.0, 0, []
    for end in after:
        for step in range(done, end):
            phases = sparsifier.phases(step)
            own = math.fsum(passes(phases[key]) * by_key[key] for key in phases)
            total += batch_size * (rest + own)
        done = end
        totals.append(total)
    return totals


def parameter_counts(model: nn.Module, sparsifier: Sparsifier) -> dict[str, int]:
    """Return parameters and stored bytes, dense and at the strict target.

    Values take 16 bits, and every kept weight of a sparse layer an index into its group of M,
    log2 M bits rounded up: 2 bits for 2:4, as sparse tensor cores have it.
    """
    total = sum(p.numel() for p in model.parameters())
    kept, index_bits = total, 0
    for layer in sparsifier.layers:
        entries = layer.weight.numel()
        own = entries // layer.pattern.m * layer.pattern.n
        kept += own - entries
        index_bits += own * math.ceil(math.log2(layer.pattern.m))
    return {
        "parameters": total,
        "parameters_kept": kept,
        "bytes_dense": 2 * total,
        "bytes": 2 * kept + math.ceil(index_bits / 8),
    }
