"""Masks and gradient rules of all FF layers of ViT-B, in one launch each."""

from collections.abc import Callable

import torch
from torch import Tensor

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import replayed, rotate
from pgf.recipes import NMPattern
from pgf.sparsity import MaskedLayers, kernel_for

PATTERNS = ("2:4", "1:4", "1:16", "1:128", "8:64")
REPEATS = 4
TARGET = 1.3


@GPU_PARTS.register("masks")
def masks(progress: Progress, sizes: Sizes) -> Part:
    """Every pattern's refresh, and the rule of SR-STE under mask decay."""
    lines = []
    for text in PATTERNS:
        progress(f"masks: {text}")
        lines += measure_masks(NMPattern.parse(text), sizes)
    return Part(
        title=f"Masks and rules of all FF layers of ViT-B, {_kernel(sizes)}, {sizes.where}",
        ratio_of="ours / floor",
        lines=tuple(lines),
        notes=(
            "Floor: the bytes that must be read and written, at the bandwidth of torch's copy in "
            "the same rounds: weights, effective weights and a byte of mask for eight weights; "
            "for a rule gradients twice, weights and masks.",
        ),
    )


def _kernel(sizes: Sizes) -> str:
    weight = torch.empty(8, device=sizes.device)
    return type(kernel_for(weight, weight)).__name__


def measure_masks(pattern: NMPattern, sizes: Sizes) -> list[Measurement]:
    """Measure a refresh and a gradient rule of all layers."""
    device = torch.device(sizes.device)
    weights = [torch.randn(shape, device=device) for shape in sizes.layers]
    written = [torch.empty_like(weight) for weight in weights]
    gradients = [torch.randn_like(weight) for weight in weights]
    kernel = kernel_for(weights[0], written[0])
    rooms = [kernel.empty_mask(weight) for weight in weights]
    layers = MaskedLayers(weights, rooms, [0.5] * len(weights))
    flat = torch.cat([weight.flatten() for weight in weights])
    copy: Tensor = torch.empty_like(flat)
    lambdas = [1e-4] * len(weights)
    works: dict[str, Callable[[], object]] = {
        "copy": lambda: copy.copy_(flat),
        "refresh": lambda: kernel.refresh(layers, written, pattern=pattern),
        "rule": lambda: kernel.restrict(layers, gradients, lambdas=lambdas),
    }
    calls = {name: replayed([work] * REPEATS, device) for name, work in works.items()}
    times = rotate(calls, rounds=sizes.rounds, clock=sizes.clock)
    times = {name: [seconds / REPEATS for seconds in own] for name, own in times.items()}
    # A copy moves 8 bytes a weight; a refresh 8 and a bit, a rule 12 and a bit.
    floors = {"refresh": (8 + 1 / 8) / 8, "rule": (12 + 1 / 8) / 8}
    return [
        Measurement.timed(
            f"{what}, {pattern}",
            ours=times[what],
            floor=[seconds * share for seconds in times["copy"]],
            target=TARGET,
        )
        for what, share in floors.items()
    ]
