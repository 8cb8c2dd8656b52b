"""The kernels in C++ (`nm.cpp`): contiguous float32 and bfloat16 weights on a CPU."""

import ctypes
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity.kernels.base import MaskedLayers, Numbers, Tensors
from pgf.sparsity.kernels.build import library
from pgf.sparsity.kernels.eager import EagerKernel
from pgf.sparsity.kernels.threads import in_parts
from pgf.sparsity.masks import nm_mask

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
LONGEST_GROUP, HIGHEST_RANK = 256, 32
UNIT = 64
"""Groups, and entries, by which work is divided: a multiple of every tile, whole bytes of mask."""
MORE_ARGUMENTS = {
    "refresh": (ctypes.c_int, ctypes.c_int, ctypes.c_float),
    "write": (ctypes.c_float,),
    "restrict": (ctypes.c_float, ctypes.c_float),
}
"""Of each function, behind three pointers and a count."""

_eager = EagerKernel()


def serves(*tensors: Tensor) -> bool:
    """Return whether the native kernels read and write such tensors here."""
    return (
        all(t.device.type == "cpu" and t.is_contiguous() for t in tensors)
        and len({t.dtype for t in tensors}) == 1
        and tensors[0].dtype in DTYPES
        and library() is not None
    )


def knows(pattern: NMPattern) -> bool:
    """Return whether there is a sorting network for a pattern."""
    n, m = pattern.n, pattern.m
    return m & (m - 1) == 0 and 2 <= m <= LONGEST_GROUP and min(n, m - n + 1) <= HIGHEST_RANK


class NativeKernel:
    """See `Kernel`; a mask is one bit per weight, the lowest first, in bytes."""

    def empty_mask(self, weight: Tensor) -> Tensor:
        return _no_bits(weight.numel())

    def refresh(self, layers: MaskedLayers, effectives: Tensors, *, pattern: NMPattern) -> None:
        known = knows(pattern)
        for weight, mask, decay, effective in layers.each(effectives):
            if known:
                _refresh(weight, effective, mask, pattern, decay)
            else:
                mask.copy_(self.pack(nm_mask(weight, pattern)))
                _write(weight, effective, mask, decay)

    def write(self, layers: MaskedLayers, effectives: Tensors) -> None:
        for weight, mask, decay, effective in layers.each(effectives):
            _write(weight, effective, mask, decay)

    def restrict(self, layers: MaskedLayers, gradients: Tensors, *, lambdas: Numbers) -> None:
        for weight, mask, decay, gradient, srste_lambda in layers.each(gradients, lambdas):
            if decay == 1.0 and not srste_lambda:
                continue
            if gradient.dtype == torch.float32 and serves(gradient, weight):
                _restrict(gradient, weight, mask, decay, srste_lambda)
            else:
                layer = MaskedLayers([weight], [self.unpack(mask, weight.shape)], [decay])
                _eager.restrict(layer, [gradient], lambdas=[srste_lambda])

    def pack(self, mask: Tensor) -> Tensor:
        bits = _no_bits(mask.numel())
        packed = np.packbits(mask.numpy().reshape(-1), bitorder="little")
        bits[: len(packed)] = torch.from_numpy(packed)
        return bits

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        count = shape.numel()
        bits = np.unpackbits(mask.numpy(), count=count, bitorder="little")
        return torch.from_numpy(bits).view(torch.bool).view(shape)


def _refresh(
    weight: Tensor, effective: Tensor, bits: Tensor, pattern: NMPattern, decay: float
) -> None:
    call, size, m = _function("refresh", weight.dtype), weight.element_size(), pattern.m
    at = weight.data_ptr(), effective.data_ptr(), bits.data_ptr()

    def part(first: int, count: int) -> None:
        entry = first * m
        call(
            *(at[0] + entry * size, at[1] + entry * size, at[2] + entry // 8),
            *(count, m, pattern.n, decay),
        )

    in_parts(part, weight.numel() // m, entries=m, unit=UNIT)


def _write(weight: Tensor, effective: Tensor, bits: Tensor, decay: float) -> None:
    call, size = _function("write", weight.dtype), weight.element_size()
    at = weight.data_ptr(), effective.data_ptr(), bits.data_ptr()

    def part(first: int, count: int) -> None:
        call(at[0] + first * size, at[1] + first * size, at[2] + first // 8, count, decay)

    in_parts(part, weight.numel(), entries=1, unit=UNIT)


def _restrict(
    gradient: Tensor, weight: Tensor, bits: Tensor, decay: float, srste_lambda: float
) -> None:
    call = _function("restrict", gradient.dtype)
    at = gradient.data_ptr(), weight.data_ptr(), bits.data_ptr()

    def part(first: int, count: int) -> None:
        start = 4 * first
        call(at[0] + start, at[1] + start, at[2] + first // 8, count, decay, srste_lambda)

    in_parts(part, weight.numel(), entries=1, unit=UNIT)


def _no_bits(entries: int) -> Tensor:
    """Return room for a bit per entry, and a little more: vectors may read past the last one."""
    return torch.empty((entries + 63) // 64 * 8 + 8, dtype=torch.uint8)


@cache
def _function(name: str, dtype: torch.dtype) -> Callable[..., int]:
    found = library()
    assert found is not None
    function = found[f"pgf_{name}_{DTYPES[dtype]}"]
    function.argtypes = [*[ctypes.c_void_p] * 3, ctypes.c_int64, *MORE_ARGUMENTS[name]]
    return function
