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

All other operations of the two passes count as they are, in every recipe. This is what hardware
with full use of N:M could save, not what today's does. Evaluations, statistics and the choice of
masks are not in it.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pgf.recipes import GradientRule, NMPattern, Phase, Recipe
from pgf.sparsity import PrunableWeight, is_layer
from pgf.tasks import Task

BATCHED = (torch.ops.aten.bmm, torch.ops.aten.baddbmm)
"""Products of two activations; a layer's product with its weight is another operator."""

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
        weight = block.module.get_parameter("weight").detach()
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


def forward_share(phase: Phase | None) -> float:
    """Return the share of a sparse layer's weights that take part in a phase's forward pass."""
    if phase is None or phase.pattern is None or phase.mask_decay > 0:
        return 1.0
    return phase.density


def products(
    phase: Phase | None, *, input_gradient: bool = True, sparse_input_gradient: bool = False
) -> float:
    """Return what a sparse layer's products cost in a phase, as a multiple of F; None is dense.

    Args:
        phase: what holds; its forward pass and the gradient of its weight always count.
        input_gradient: whether the layer's input needs a gradient at all.
        sparse_input_gradient: let that one cost N/M whatever the mask; see the module.
    """
    density = forward_share(phase)
    gains = sparse_input_gradient or (phase is not None and phase.transposable)
    restricted = phase is not None and phase.gradient_rule is GradientRule.CHAIN_RULE
    return density + input_gradient * (density if gains else 1.0) + (density if restricted else 1.0)


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
    dense = math.fsum(own * products(None, input_gradient=n) for (_, _, n), own in groups.items())
    total, done, totals = 0.0, 0, []
    for end in after:
        sparse = math.fsum(
            own * _products(recipe, total_steps, *group, done, end, sparse_input_gradient)
            for group, own in groups.items()
        )
        total += batch_size * ((end - done) * (flops.training - dense) + sparse)
        done = end
        totals.append(total)
    return totals


@cache
def _products(
    recipe: Recipe,
    total_steps: int,
    pattern: NMPattern,
    width: int,
    input_gradient: bool,
    start: int,
    end: int,
    sparse_input_gradient: bool,
) -> float:
    """Return the sum of `products` over the steps from `start` to before `end`."""
    phases = (
        recipe.phase(step, total_steps, pattern=pattern, width=width) for step in range(start, end)
    )
    return math.fsum(
        products(phase, input_gradient=input_gradient, sparse_input_gradient=sparse_input_gradient)
        for phase in phases
    )


def average_density(layers: Layers, recipe: Recipe, *, total_steps: int) -> float:
    """Return the share of the sparse layers' weights in forward passes, averaged over training.

    1 for a dense run, and while D > 0: Jin et al. ("The Journey Matters", ICLR 2025) found the
    average number of parameters over training to decide the loss of a pruned model.
    """
    sizes: dict[tuple[NMPattern, int], int] = {}
    for block, pattern in layers:
        weight = block.view(block.module.get_parameter("weight").detach())
        sizes[pattern, block.width] = sizes.get((pattern, block.width), 0) + weight.numel()
    if not sizes:
        return 1.0
    shares = {
        (pattern, width): math.fsum(
            forward_share(recipe.phase(step, total_steps, pattern=pattern, width=width))
            for step in range(total_steps)
        )
        for pattern, width in sizes
    }
    total = math.fsum(count * shares[key] for key, count in sizes.items())
    return total / sum(sizes.values()) / total_steps


def parameter_counts(
    model: nn.Module, layers: Layers, recipe: Recipe | None = None
) -> dict[str, int]:
    """Return parameters and stored bytes, dense and at the target, or what a recipe makes of it.

    Values take 16 bits, and every kept weight of a sparse layer an index into its group of M,
    log2 M bits rounded up: 2 bits for 2:4, as sparse tensor cores have it.
    """
    total = sum(p.numel() for p in model.parameters())
    kept, index_bits = total, 0
    for block, pattern in layers:
        entries = block.view(block.module.get_parameter("weight").detach()).numel()
        own = round(entries * _density(recipe, pattern))
        kept += own - entries
        index_bits += own * math.ceil(math.log2(pattern.m))
    return {
        "parameters": total,
        "parameters_kept": kept,
        "bytes_dense": 2 * total,
        "bytes": 2 * kept + math.ceil(index_bits / 8),
    }
