"""Products with packed weights, against torch's dense product and sparse ones by CSR.

The targets are those of a machine with AVX-512 whose cache is several times as fast as its memory:
there dense weights come from memory and packed ones from the cache. Where both are about as fast,
one token of 1:4 can be at most 32 / 9 times as fast as dense, for that is the ratio of the bytes;
and at 1:64 and above the call of a layer from Python takes as long as the product.

For 196 tokens the floor counts multiplications alone. A sparse one reads its input from the nearest
cache each time: on an Intel processor with AVX-512, a loop of nothing else reaches 0.6 of the dense
product's peak. From 1:16 on multiplications take less time than reading inputs from the second
cache and writing 2.4 MB of outputs.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor
from torch.nn import functional

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.timing import milliseconds, ratio, rotate
from pgf.inference import PackedLinear, PackedWeight
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

SHAPE = (3072, 768)
WEIGHTS = 8
"""In turn where there is one token: together the dense ones fit no cache."""
TARGETS: dict[tuple[int, torch.dtype], dict[str, float | None]] = {
    (1, torch.float32): {
        **{"2:4": None, "1:4": 6.0, "1:8": 15.0, "1:16": 30.0},
        **{"1:32": 30.0, "1:64": 40.0, "1:128": 55.0},
    },
    (1, torch.bfloat16): {"1:4": 4.8, "1:8": 12.0, "1:16": 24.0, "1:32": 24.0, "1:128": 44.0},
    (1, torch.float16): {"1:4": None, "1:8": None, "1:32": None},
    (196, torch.float32): {
        **{"2:4": None, "1:4": 2.5, "1:8": 4.0, "1:16": 7.0},
        **{"1:32": 12.0, "1:64": None, "1:128": 25.0},
    },
    (512, torch.float32): {"1:8": None, "1:32": None},
    (2048, torch.float32): {"1:8": None, "1:32": None},
}
"""(tokens, dtype) -> pattern -> how many times faster than dense it should be."""
ROUNDS = {1: (9, 16 * WEIGHTS), 196: (9, 8), 512: (5, 4), 2048: (3, 2)}
"""Tokens -> rounds, and calls in a row, by which what a cache can hold has come into it."""


@PARTS.register("products")
def products(progress: Progress) -> Part:
    """One token and many, one thread; inputs and outputs as (tokens, width)."""
    torch.set_num_threads(1)
    lines = []
    for (tokens, dtype), patterns in TARGETS.items():
        for text, target in patterns.items():
            name = f"{text}, {tokens} token{'s' * (tokens > 1)}, {_name(dtype)}"
            progress(f"products: {name}")
            lines.append(_measure(name, NMPattern.parse(text), tokens, dtype, target=target))
    return Part(
        title=f"Products with packed weights, {SHAPE[0]} x {SHAPE[1]}, CPU, one thread",
        ratio_of="dense / ours",
        lines=tuple(lines),
        notes=(
            "Floor: for one token, half the time of copying the packed weight, since it is read "
            "alone; for several, the multiplications that are left at the dense product's speed.",
            "The usual way: the faster of torch's and scipy's product with a CSR matrix.",
            f"One token: {WEIGHTS} weights in turn. Layouts are those of a linear layer: turning "
            "inputs and outputs for a kernel counts.",
        ),
    )


def _measure(
    name: str, pattern: NMPattern, tokens: int, dtype: torch.dtype, *, target: float | None
) -> Measurement:
    count = WEIGHTS if tokens == 1 else 1
    dense = [torch.randn(SHAPE) for _ in range(count)]
    dense = [(weight * nm_mask(weight, pattern)).to(dtype) for weight in dense]
    packed = [PackedLinear([PackedWeight.of(weight, pattern)], None) for weight in dense]
    inputs = torch.randn(tokens, SHAPE[1]).to(dtype)
    ways: dict[str, Callable[[], object]] = {
        "dense": _of_the_next(dense, lambda weight: functional.linear(inputs, weight)),
        "ours": _of_the_next(packed, lambda layer: layer(inputs)),
        **_usual(dense, inputs),
    }
    if tokens == 1:
        ways["floor"] = _copies(packed)
    rounds, repeats = ROUNDS[tokens]
    with torch.inference_mode():
        times = rotate(ways, rounds=rounds, repeats=repeats)
    usual = [times[way] for way in ("torch", "scipy") if way in times]
    if tokens == 1:  # a copy writes as many bytes as it reads
        times["floor"] = [seconds / 2 for seconds in times["floor"]]
    else:
        times["floor"] = [seconds * pattern.density for seconds in times["dense"]]
    found = ratio(times["dense"], times["ours"])
    return Measurement(
        what=name,
        unit="ms",
        usual=min(map(milliseconds, usual)) if usual else None,
        floor=milliseconds(times["floor"]),
        ours=milliseconds(times["ours"]),
        ratio=found.median,
        spread=found.spread,
        target=target,
        bound=Bound.AT_LEAST,
    )


def _usual(dense: list[Tensor], inputs: Tensor) -> dict[str, Callable[[], object]]:
    """Return the products by CSR, which both libraries have for float32."""
    if inputs.dtype != torch.float32:
        return {}
    ours = [weight.to_sparse_csr() for weight in dense]
    theirs = [csr_array(weight.numpy()) for weight in dense]
    # Theirs are (rows, tokens): inputs and outputs are turned, as for a linear layer.
    return {
        "torch": _of_the_next(ours, lambda weight: (weight @ inputs.t().contiguous()).t()),
        "scipy": _of_the_next(
            theirs, lambda weight: np.ascontiguousarray((weight @ inputs.numpy().T).T)
        ),
    }


def _copies(packed: list[PackedLinear]) -> Callable[[], object]:
    parts = [(p.get_buffer("values_0"), p.get_buffer("indices_0")) for p in packed]
    rooms = [tuple(torch.empty_like(tensor) for tensor in pair) for pair in parts]

    def copy(pair: tuple[tuple[Tensor, ...], tuple[Tensor, ...]]) -> None:
        for room, tensor in zip(*pair, strict=True):
            room.copy_(tensor)

    return _of_the_next(list(zip(rooms, parts, strict=True)), copy)


def _of_the_next(items: list[Any], work: Callable[[Any], object]) -> Callable[[], object]:
    turns = cycle(items)
    return lambda: work(next(turns))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
