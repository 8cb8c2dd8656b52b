"""The kernels in Triton: contiguous weights on a GPU, all of them in one launch."""

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity.kernels.base import MaskedLayers, Numbers, Tensors
from pgf.sparsity.kernels.build import SWITCH
from pgf.sparsity.kernels.eager import EagerKernel
from pgf.sparsity.masks import nm_mask

log = logging.getLogger(__name__)

BITS = {torch.float32: 31, torch.bfloat16: 15, torch.float16: 15}
"""Of a magnitude."""
EXPONENTS = {torch.float32: 23, torch.bfloat16: 7, torch.float16: 10}
"""Bits behind the exponent: infinity is what stands above them."""
LONGEST_GROUP = 1024
ENTRIES = 2048
"""Of a tile."""
TABLES = 16
"""Lists of tiles that are kept on the device; a run needs a few."""
NUMBERS = 1024
"""Lists of addresses, decays and lambdas that are; a stack of 32 runs needs some 300."""

_eager = EagerKernel()


def serves(*tensors: Tensor) -> bool:
    """Return whether the Triton kernels read and write such tensors here."""
    return (
        all(t.device.type == "cuda" or (t.device.type == "cpu" and interpreted()) for t in tensors)
        and all(t.is_contiguous() for t in tensors)
        and len({t.dtype for t in tensors}) == 1
        and tensors[0].dtype in BITS
        and works(tensors[0].device)
    )


@cache
def works(device: torch.device) -> bool:
    """Return whether Triton can build for a device: it needs a C compiler and Python's headers."""
    if os.environ.get(SWITCH) == "0" or find_spec("triton") is None:
        return False
    try:
        weight, mask = torch.ones(8, device=device), torch.ones(1, dtype=torch.uint8, device=device)
        TritonKernel().write(MaskedLayers([weight], [mask], [0.0]), [weight.clone()])
        return True
    except Exception as error:  # whatever a compiler, a driver or a full disk raises
        said = " ".join(str(error).split())[-500:]
        log.warning("no kernels on the GPU, torch takes the masks, more slowly (%s)", said)
        return False


def interpreted() -> bool:
    """Return whether Triton's interpreter runs the kernels on a CPU, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def knows(pattern: NMPattern) -> bool:
    """Return whether a pattern's groups fit into tiles."""
    return pattern.m & (pattern.m - 1) == 0 and pattern.m <= LONGEST_GROUP


class TritonKernel:
    """See `Kernel`; a mask is one bit per weight, the lowest first, in bytes."""

    def empty_mask(self, weight: Tensor) -> Tensor:
        return torch.empty((weight.numel() + 7) // 8, dtype=torch.uint8, device=weight.device)

    def refresh(self, layers: MaskedLayers, effectives: Tensors, *, pattern: NMPattern) -> None:
        if not knows(pattern):
            for weight, mask in zip(layers.weights, layers.masks, strict=True):
                mask.copy_(self.pack(nm_mask(weight, pattern)))
            self.write(layers, effectives)
            return
        dtype = layers.weights[0].dtype
        largest = (1 << BITS[dtype]) - 1
        _launch(
            _source().refresh_kernel,
            (layers.weights, effectives, layers.masks),
            (layers.decays,),
            unit=pattern.m,
            N=pattern.n,
            M=pattern.m,
            GROUPS=max(ENTRIES // pattern.m, 1),
            KEY=_key(dtype),
            LARGEST=largest,
            INFINITE=largest >> EXPONENTS[dtype] << EXPONENTS[dtype],
            BITS=BITS[dtype],
        )

    def write(self, layers: MaskedLayers, effectives: Tensors) -> None:
        tensors = layers.weights, effectives, layers.masks
        _launch(_source().write_kernel, tensors, (layers.decays,), unit=1, COUNT=ENTRIES)

    def restrict(self, layers: MaskedLayers, gradients: Tensors, *, lambdas: Numbers) -> None:
        if all(decay == 1.0 for decay in layers.decays) and not any(lambdas):
            return
        if gradients[0].dtype == torch.float32 and all(map(serves, gradients, layers.weights)):
            tensors, numbers = (gradients, layers.weights, layers.masks), (layers.decays, lambdas)
            _launch(_source().restrict_kernel, tensors, numbers, unit=1, COUNT=ENTRIES)
            return
        kept = [self.unpack(mask, weight.shape) for weight, mask, _ in layers.each()]
        _eager.restrict(replace(layers, masks=kept), gradients, lambdas=lambdas)

    def pack(self, mask: Tensor) -> Tensor:
        flat = torch.zeros((mask.numel() + 7) // 8 * 8, dtype=torch.uint8, device=mask.device)
        flat[: mask.numel()] = mask.reshape(-1)
        shifts = torch.arange(8, dtype=torch.uint8, device=mask.device)
        return (flat.view(-1, 8) << shifts).sum(dim=1, dtype=torch.uint8)

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        shifts = torch.arange(8, dtype=torch.uint8, device=mask.device)
        bits = (mask[:, None] >> shifts) & 1
        return bits.view(-1)[: shape.numel()].bool().view(shape)


def _launch(
    kernel: Any,
    tensors: Sequence[Tensors],
    numbers: Sequence[Numbers],
    *,
    unit: int,
    **options: Any,
) -> None:
    """Run a kernel once over all weights; `unit` entries make what tiles count in."""
    first = tensors[0][0]
    per_tile = options.get("GROUPS") or options["COUNT"]
    device = first.device
    sizes, tiles = _tiles(tuple(t.numel() for t in tensors[0]), unit, per_tile, device)
    # Weights stay where they are, and gradients mostly come to lie where the last ones did.
    addresses = [_on(device, torch.int64, *(t.data_ptr() for t in each)) for each in tensors]
    values = [_on(device, torch.float32, *each) for each in numbers]
    count = tiles.shape[1]
    element = _element(first.dtype)
    kernel[(count,)](*addresses, *values, sizes, tiles, count, ELEMENT=element, **options)


@lru_cache(NUMBERS)
def _on(device: torch.device, dtype: torch.dtype, *values: float) -> Tensor:
    """Return numbers as a tensor; those of a step before are there already."""
    return _moved(torch.tensor(values, dtype=dtype), device)


def _moved(numbers: Tensor, device: torch.device) -> Tensor:
    if device.type == "cuda":  # a copy from pinned memory waits for nothing on the device
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers


@lru_cache(TABLES)
def _tiles(
    sizes: tuple[int, ...], unit: int, per_tile: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the sizes, and each tile's weight and first group or entry, (2, tiles)."""
    parts = [torch.arange(0, -(-size // unit), per_tile) for size in sizes]
    which = torch.repeat_interleave(
        torch.arange(len(sizes)), torch.tensor([len(part) for part in parts])
    )
    tiles = torch.stack([which, torch.cat(parts)]).contiguous()
    return _moved(torch.tensor(sizes), device), _moved(tiles, device)


@cache
def _source() -> Any:
    from pgf.sparsity.kernels import (
        triton_source,  # triton takes a while to import, and is not everywhere
    )

    return triton_source


def _element(dtype: torch.dtype) -> Any:
    import triton.language as tl

    return getattr(tl, str(dtype).removeprefix("torch."))


def _key(dtype: torch.dtype) -> Any:
    import triton.language as tl

    return tl.int32 if dtype == torch.float32 else tl.int16
