"""Measurements on a GPU: masks of a whole model, a large model's step, a sweep as one stack."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from pgf.costs.bench import PARTS
from pgf.costs.bench.kinds.sweep import measure_sweep
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.timing import gpu_clock, rotate
from pgf.costs.bench.vit import BenchVit, VitContender
from pgf.recipes import NMPattern, pruning_recipes
from pgf.sparsity import MaskedLayers, kernel_for

FF_OF_VIT_B = ((3072, 768), (768, 3072)) * 12
PATTERNS = ("2:4", "1:4", "1:16", "1:128", "8:64")
VIT_B = BenchVit(name="vit_base_patch16_224", size=224, patch=16)
COMPILED = {"precision": "bfloat16", "device": "cuda", "compile": "inductor"}
BATCH, STACK = 256, 32
ROUNDS = 15
MASKS_TARGET, STEP_TARGET, SWEEP_TARGET = 1.3, 1.01, 20.0


@PARTS.register("gpu")
def gpu(progress: Progress) -> Part:
    """Measure them on the GPU; without one, only name them."""
    there = torch.cuda.is_available()
    return Part(
        title=f"GPU: {torch.cuda.get_device_name()}" if there else "GPU",
        ratio_of="ratio",
        lines=tuple(_measured(progress) if there else _wanted()),
        notes=(
            "Masks: over the time of reading all weights and writing effective weights and a byte "
            "of mask each, at the bandwidth of torch's copy. Steps: over dense. The sweep: a "
            "process per run over one process with a stack of all.",
            *(() if there else ("This machine has no GPU.",)),
        ),
    )


def _wanted() -> list[Measurement]:
    return [
        Measurement(
            what="masks of all FF layers of ViT-B", unit="ms", ours=None, target=MASKS_TARGET
        ),
        Measurement(
            what="step of ViT-B/16, bfloat16, compiled, batch 256, every recipe",
            unit="ms",
            ours=None,
            target=STEP_TARGET,
        ),
        Measurement(
            what="32 digits_vit runs as one stack",
            unit="s",
            ours=None,
            target=SWEEP_TARGET,
            bound=Bound.AT_LEAST,
        ),
    ]


def _measured(progress: Progress) -> list[Measurement]:
    progress("gpu: masks")
    device = torch.device("cuda")
    lines = [measure_masks(NMPattern.parse(text), device, gpu_clock) for text in PATTERNS]
    progress("gpu: steps of ViT-B")
    lines += measure_steps_of(gpu_clock, batch_size=BATCH, task=VIT_B, **COMPILED)
    line, _ = measure_sweep(progress, device="cuda", processes=1, target=SWEEP_TARGET, stack=STACK)
    return [*lines, line]


def measure_masks(
    pattern: NMPattern, device: torch.device, clock: Callable[[], float] = perf_counter
) -> Measurement:
    """Measure one refresh of all FF layers of ViT-B."""
    weights = [torch.randn(shape, device=device) for shape in FF_OF_VIT_B]
    written = [torch.empty_like(weight) for weight in weights]
    kernel = kernel_for(weights[0], written[0])
    rooms = [kernel.empty_mask(weight) for weight in weights]
    layers = MaskedLayers(weights, rooms, [0.5] * len(weights))
    flat = torch.cat([weight.flatten() for weight in weights])
    copy: Tensor = torch.empty_like(flat)

    def refresh() -> None:
        kernel.refresh(layers, written, pattern=pattern)

    calls = {"copy": lambda: copy.copy_(flat), "ours": refresh}
    times = rotate(calls, rounds=ROUNDS, repeats=4, clock=clock)
    floor = [seconds * 9 / 8 for seconds in times["copy"]]
    what = f"masks of all FF layers of ViT-B, {pattern}"
    return Measurement.timed(what, ours=times["ours"], floor=floor, target=MASKS_TARGET)


def measure_steps_of(
    clock: Callable[[], float], *, task: BenchVit, **contender: Any
) -> list[Measurement]:
    """Measure a step of every recipe, against dense."""
    names = pruning_recipes(with_hooks=False)
    runs = {name: VitContender(name, task=task, **contender) for name in ("dense", *names)}
    times = rotate({name: r.step for name, r in runs.items()}, rounds=ROUNDS, clock=clock)
    return [
        Measurement.timed(
            f"step of {task.name}: {name}",
            ours=times[name],
            floor=times["dense"],
            target=STEP_TARGET,
        )
        for name in names
    ]
