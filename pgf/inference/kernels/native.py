"""The products in C++ (`products.cpp`): float32 and bfloat16 on a CPU.

How far from the floor they are stands in the bench: for one token the floor is the time in which
the packed bytes are read, for many that of the multiplications that are left.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from pgf.inference.kernels.layout import ROWS, Blocked
from pgf.sparsity import Source, in_parts, library

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
PRODUCTS = Source(
    Path(__file__).with_name("products.cpp"), "packed layers are multiplied as dense ones"
)
VECTORS = (1, 2, 4, 6, 8)
"""Vectors of tokens that a tile may have."""
BEST_VECTORS = {4: 6, 8: 4}
"""Most vectors of a tile, by the number of kept weights that an input serves; 4 of others."""

_Arguments = dict[str, tuple[type, ...]]
_pointer, _long, _int = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
ARGUMENTS: _Arguments = {
    "one": (*[_pointer] * 5, *[_long] * 2, *[_int] * 2),
    "turn": (*[_pointer] * 2, *[_long] * 2, _int),
    "many": (*[_pointer] * 5, *[_long] * 4, *[_int] * 3),
}


def serves(dtype: torch.dtype, device: torch.device | str) -> bool:
    """Return whether there are kernels for packed weights of a type on a device here."""
    return dtype in DTYPES and torch.device(device).type == "cpu" and library(PRODUCTS) is not None


def multiply(
    weight: Blocked, inputs: Tensor, bias: Tensor | None, out: Tensor, *, first_row: int
) -> None:
    """Write inputs times the rows of a packed weight, and the bias, into columns of `out`.

    Args:
        weight: of float32 or bfloat16.
        inputs: (tokens, width), contiguous, of the same type.
        bias: (rows of `out`) float32, or None.
        out: (tokens, rows of the whole layer), contiguous.
        first_row: the column that the weight's first row is written to.
    """
    if not len(inputs):
        return
    # Pointers are to the weight's own columns; the kernels step by those of the whole layer.
    at = bias.data_ptr() + 4 * first_row if bias is not None else None
    to = out.data_ptr() + out.element_size() * first_row
    if len(inputs) == 1:
        _one(weight, inputs.float(), at, to)
    else:
        _many(weight, inputs, at, to, stride=out.shape[1])


def _one(weight: Blocked, inputs: Tensor, bias: int | None, out: int) -> None:
    call, (blocks, groups, n, _) = _function("one", weight.values.dtype), weight.values.shape
    size, line = weight.values.element_size(), weight.indices.shape[-1]
    values, indices, x = (t.data_ptr() for t in (weight.values, weight.indices, inputs))

    def part(first: int, count: int) -> None:
        lines, row = first * groups * n, first * ROWS
        call(
            *(values + lines * ROWS * size, indices + lines * line, x),
            *(bias and bias + 4 * row, out + size * row),
            *(min(count * ROWS, weight.rows - row), groups, n, weight.pattern.m),
        )

    in_parts(part, blocks, entries=groups * n * ROWS, unit=1)


def _many(weight: Blocked, inputs: Tensor, bias: int | None, out: int, *, stride: int) -> None:
    dtype, (blocks, groups, n, _) = weight.values.dtype, weight.values.shape
    turn, call = _function("turn", dtype), _function("many", dtype)
    size, line = inputs.element_size(), weight.indices.shape[-1]
    values, indices, x = (t.data_ptr() for t in (weight.values, weight.indices, inputs))
    tokens, width, lanes = *inputs.shape, _lanes()
    vectors = tile_vectors(-(-tokens // lanes), weight)
    step = vectors * lanes

    def tile(turned: Tensor, start: int, *, block: int = 0, count: int = blocks) -> None:
        lines, row = block * groups * n, block * ROWS
        call(
            *(values + lines * ROWS * size, indices + lines * line, turned.data_ptr()),
            *(bias and bias + 4 * row, out + (start * stride + row) * size),
            *(min(step, tokens - start), min(count * ROWS, weight.rows - row), stride),
            *(groups, n, weight.pattern.m, vectors),
        )

    def turned(start: int) -> Tensor:
        made = torch.empty(width * step)
        here = min(step, tokens - start)
        turn(x + start * width * size, made.data_ptr(), here, width, vectors)
        return made

    def tiles(first: int, count: int) -> None:
        for start in range(first * step, min((first + count) * step, tokens), step):
            tile(turned(start), start)

    work = groups * n * ROWS * vectors * lanes // 4  # a vector does several at once
    if tokens > step:
        in_parts(tiles, -(-tokens // step), entries=blocks * work, unit=1)
    else:
        only = turned(0)
        in_parts(lambda b, c: tile(only, 0, block=b, count=c), blocks, entries=work, unit=1)


def tile_vectors(needed: int, weight: Blocked) -> int:
    """Return how many vectors of tokens a tile has: few enough for the cache, none left over."""
    most = BEST_VECTORS.get(weight.pattern.m // weight.pattern.n, 4)
    return next((v for v in VECTORS if v >= min(needed, most)), most)


@cache
def _lanes() -> int:
    found = library(PRODUCTS)
    assert found is not None
    return int(found.pgf_lanes())


@cache
def _function(name: str, dtype: torch.dtype) -> Callable[..., None]:
    found = library(PRODUCTS)
    assert found is not None
    function = found[f"pgf_{name}_{DTYPES[dtype]}"]
    function.argtypes, function.restype = ARGUMENTS[name], None
    return function
