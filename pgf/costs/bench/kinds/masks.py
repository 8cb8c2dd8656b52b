"""Mask and effective weight of one layer, against a copy's bandwidth."""

from collections.abc import Callable
from itertools import cycle

import torch
from torch import Tensor

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.usual import argsort_mask
from pgf.recipes import NMPattern
from pgf.sparsity import MaskedLayers, kernel_for

SHAPE = (3072, 768)
PATTERNS = ("2:4", "1:4", "1:8", "1:16", "1:32", "1:64", "1:128", "7:8", "8:16", "8:64", "16:128")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
BUFFERS = 8
"""Weights in turn, more than a core's own caches hold."""
ROUNDS, REPEATS = 15, 4
TARGET = 2.0


@PARTS.register("masks")
def masks(progress: Progress) -> Part:
    """Every pattern in float32 and bfloat16, one thread."""
    torch.set_num_threads(1)
    lines = []
    for name, dtype in DTYPES.items():
        weights = [torch.randn(SHAPE).to(dtype) for _ in range(BUFFERS)]
        for text in PATTERNS:
            progress(f"masks: {text}, {name}")
            lines.append(_measure(NMPattern.parse(text), weights))
    return Part(
        title=f"Mask and effective weight, {SHAPE[0]} x {SHAPE[1]}, CPU, one thread",
        ratio_of="ours / floor",
        lines=tuple(lines),
        notes=(
            "Floor: reading the weight, writing the effective weight and a byte of mask, at the "
            "bandwidth of torch's copy in the same rounds.",
            "The usual way: argsort, scatter into a float mask, multiplication.",
            f"{BUFFERS} weights in turn, more than a core's own caches hold.",
        ),
    )


def _measure(pattern: NMPattern, weights: list[Tensor]) -> Measurement:
    written = [torch.empty_like(weight) for weight in weights]
    kernel = kernel_for(weights[0], written[0])
    room = kernel.empty_mask(weights[0])
    turns = cycle(zip(weights, written, strict=True))

    def of_the_next(work: Callable[[Tensor, Tensor], object]) -> Callable[[], object]:
        return lambda: work(*next(turns))

    times = rotate(
        {
            "copy": of_the_next(lambda w, e: e.copy_(w)),
            "usual": of_the_next(lambda w, e: w * argsort_mask(w, pattern)),
            "ours": of_the_next(
                lambda w, e: kernel.refresh(MaskedLayers([w], [room], [0.5]), [e], pattern=pattern)
            ),
        },
        rounds=ROUNDS,
        repeats=REPEATS,
    )
    size = weights[0].element_size()
    floor = [seconds * (2 * size + 1) / (2 * size) for seconds in times["copy"]]
    dtype = str(weights[0].dtype).removeprefix("torch.")
    return Measurement.timed(
        f"{pattern}, {dtype}",
        ours=times["ours"],
        floor=floor,
        usual=times["usual"],
        target=TARGET,
    )
