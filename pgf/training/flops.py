"""Floating-point operations: of a model, of its sparse layers, of whole runs.

A multiplication with an addition counts as two operations. What is counted is what
`torch.utils.flop_counter` counts: matrix products, convolutions and attention; norms, activations,
softmax, masks and the optimiser are not.

The paper defines no training FLOPs (arXiv 2402.04744, appendix D has inference alone). Here, for
every sparse layer with F operations in a dense forward pass and density N/M of the pattern in
force:

- forward pass: F N/M while D = 0, F while D > 0 or dense, since pruned weights then take part;
- gradient of the input: F, because groups lie along the input axis and the transposed product gains
  nothing from them; F N/M where a recipe's masks are N:M along both axes (`Phase.transposable`);
- gradient of the weight: F, because straight-through rules need it for pruned weights too; F N/M
  only where they get no gradient, under the chain rule at D = 0.

The other count that is in use, `sparse_input_gradient=True`, has the gradient of the input at F N/M
whatever the mask, as a second mask for the transposed weights would.

All other operations of the two passes count as they are, in every recipe; a teacher adds its
forward pass to every step after the dense phase. This is what hardware
with full use of N:M could save, not what today's does. Evaluations, statistics and the choice of
masks are not in it.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgf.inference import index_width, is_packable
from pgf.recipes import Distils, GradientRule, NMPattern, Phase, Recipe
from pgf.sparsity import PrunableWeight, is_layer
from pgf.tasks import Task

BATCHED = (torch.ops.aten.bmm, torch.ops.aten.baddbmm)
"""Products of two activations; a layer's product with its weight is another operator."""

SCHEDULES = 32
"""Schedules whose sums are kept: a long one takes three megabytes."""

Layers = Sequence[tuple[PrunableWeight, NMPattern]]
"""The layers that a target prunes, as `select_layers` returns them."""


@dataclass(frozen=True, kw_only=True)
class ModelFlops:
    """Operations of one sample in the dense model."""

    forward: int
    training: int
    """Forward and backward pass."""
    modules: dict[str, int]
    """Forward operations by module name, those of its children included."""
    first: frozenset[str]
    """Layers whose input needs no gradient, such as those that see the data itself."""
    attention: int
    """Forward operations of products of two activations: logits and attend."""

    def of(self, block: PrunableWeight) -> float:
        """Return the forward operations of a layer, or of its share of a fused one."""
        weight = block.weight.detach()
        share = block.view(weight).numel() / weight.numel()
        return self.modules.get(block.module_name, 0) * share


def count_flops(task: Task, model: nn.Module) -> ModelFlops:
    """Count the operations of a model on one sample of a task, without computing anything."""
    # A copy whose parameters have shapes but no memory, made without an allocation in between.
    memo: dict[int, Tensor] = {id(b): b.detach().to("meta") for b in model.buffers()}
    memo |= {id(p): nn.Parameter(p.detach().to("meta")) for p in model.parameters()}
    shadow = copy.deepcopy(model, memo)
    shadow.eval()  # one sample in training mode would be refused by batch norm
    inputs, labels = task.example()
    first = _watch_inputs(shadow)
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        task.loss(shadow, (inputs.to("meta"), labels.to("meta")))
    by_module = counter.get_flop_counts()
    prefix = f"{type(shadow).__name__}."
    modules = {
        name.removeprefix(prefix): sum(by_operator.values())
        for name, by_operator in by_module.items()
    }
    forward = counter.get_total_flops()
    return ModelFlops(
        forward=forward,
        # Every product has a gradient for each of its two factors, as dear as itself. torch's own
        # count of backward passes forgets the groups of grouped convolutions.
        training=3 * forward - sum(modules.get(name, 0) for name in first),
        modules=modules,
        first=frozenset(first),
        attention=sum(by_module["Global"].get(operator, 0) for operator in BATCHED),
    )


def _watch_inputs(model: nn.Module) -> set[str]:
    """Return a set that will hold the layers called on inputs without a gradient."""
    found: set[str] = set()

    def watch(name: str, module: nn.Module) -> None:
        def note(module: nn.Module, inputs: tuple[object, ...]) -> None:
            del module
            if not any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
                found.add(name)

        module.register_forward_pre_hook(note)

    for name, module in model.named_modules():
        if is_layer(module):
            watch(name, module)
    return found


def product_shares(phase: Phase | None) -> tuple[float, float, float]:
    """Return what a sparse layer's products cost in a phase, as multiples of F; None is dense.

    Forward pass, gradient of the input, gradient of the weight.
    """
    if phase is None or phase.pattern is None or phase.mask_decay > 0:
        return 1.0, 1.0, 1.0
    density = phase.density
    restricted = phase.gradient_rule is GradientRule.CHAIN_RULE
    return density, density if phase.transposable else 1.0, density if restricted else 1.0


@lru_cache(SCHEDULES)
def _shares_so_far(
    recipe: Recipe, total_steps: int, pattern: NMPattern, width: int
) -> NDArray[np.float64]:
    """Return the sums of `product_shares` over the first 0, 1, 2, ... steps, (3, steps + 1)."""
    phases = (
        recipe.phase(i, total_steps, pattern=pattern, width=width) for i in range(total_steps)
    )
    shares = np.array([(0.0, 0.0, 0.0), *map(product_shares, phases)])
    return np.cumsum(shares, axis=0).T


def inference_flops(flops: ModelFlops, layers: Layers, recipe: Recipe | None = None) -> float:
    """Return the forward operations of a sample at the target, or at what a recipe makes of it."""
    return flops.forward - math.fsum(
        flops.of(block) * (1 - _density(recipe, pattern)) for block, pattern in layers
    )


def _density(recipe: Recipe | None, pattern: NMPattern) -> float:
    return pattern.density if recipe is None else recipe.at_target(pattern).density


def training_flops(
    flops: ModelFlops,
    layers: Layers,
    recipe: Recipe,
    *,
    total_steps: int,
    batch_size: int,
    after: Sequence[int],
    sparse_input_gradient: bool = False,
) -> list[float]:
    """Return the operations of training up to and after each number of steps, in rising order."""
    groups: dict[tuple[NMPattern, int, bool], float] = {}
    for block, pattern in layers:
        group = pattern, block.width, block.module_name not in flops.first
        groups[group] = groups.get(group, 0.0) + flops.of(block)
    steps = np.array(after, dtype=np.int64)
    total = steps * float(flops.training)
    if isinstance(recipe, Distils):
        dense = recipe.clock(0, total_steps).start
        total += np.maximum(steps - dense, 0) * float(flops.forward)
    for (pattern, width, needs_input_gradient), own in groups.items():
        forward, of_input, of_weight = _shares_so_far(recipe, total_steps, pattern, width)[:, steps]
        if sparse_input_gradient:
            of_input = forward
        sparse = forward + of_weight + needs_input_gradient * of_input
        total += own * (sparse - (2 + needs_input_gradient) * steps)
    return [float(value) for value in batch_size * total]


def average_density(layers: Layers, recipe: Recipe, *, total_steps: int) -> float:
    """Return the share of the sparse layers' weights in forward passes, averaged over training.

    1 for a dense run, and while D > 0: Jin et al. ("The Journey Matters", ICLR 2025) found the
    average number of parameters over training to decide the loss of a pruned model.
    """
    weighed, entries = 0.0, 0
    for block, pattern in layers:
        count = block.view(block.weight.detach()).numel()
        forward = _shares_so_far(recipe, total_steps, pattern, block.width)[0, -1]
        weighed, entries = weighed + count * float(forward), entries + count
    return weighed / entries / total_steps if entries else 1.0


def parameter_counts(
    model: nn.Module, layers: Layers, recipe: Recipe | None = None
) -> dict[str, int]:
    """Return parameters and stored bytes, dense and at the target, or what a recipe makes of it.

    Values take 16 bits. In `bytes` every kept weight of a sparse layer has an index into its group
    of M, log2 M bits rounded up: 2 bits for 2:4, as sparse tensor cores have it. `bytes_packed` is
    what `pgf.inference` stores: indices of 4 or 8 bits, and layers dense that it does not pack.
    """
    total = sum(p.numel() for p in model.parameters())
    kept, index_bits, packed_bits = total, 0, 16 * total
    for block, pattern in layers:
        entries = block.view(block.weight.detach()).numel()
        own = round(entries * _density(recipe, pattern))
        kept += own - entries
        index_bits += own * math.ceil(math.log2(pattern.m))
        if is_packable(pattern):
            packed_bits += own * (16 + index_width(pattern)) - 16 * entries
    return {
        "parameters": total,
        "parameters_kept": kept,
        "bytes_dense": 2 * total,
        "bytes": 2 * kept + math.ceil(index_bits / 8),
        "bytes_packed": math.ceil(packed_bits / 8),
    }
