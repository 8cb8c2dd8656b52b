"""The products in C++ (`products.cpp`): float32, bfloat16 and float16 on a CPU.

How far from the floor they are stands in the bench: for one token the floor is the time in which
the packed bytes are read, for many that of the multiplications that are left.

The bias is added inside the product. GELU is not: models keep it in a module of its own, and
torch's takes less time than the product at every pattern.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from pgf.inference.kernels.layout import ROWS, Blocked
from pgf.sparsity import WORTH_A_THREAD, Source, in_parts, library

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}
PRODUCTS = Source(
    Path(__file__).with_name("products.cpp"),
    "packed layers are multiplied as dense ones",
    headers=(Path(__file__).with_name("picking.h"),),
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


class Product:
    """The product with one packed weight; addresses and sizes are looked up once, when it is made.

    For one token a product takes some 20 us, so that looking up tensors would show.

    Args:
        weight: of one of `DTYPES` on a CPU; whoever holds this keeps its tensors alive.
    """

    def __init__(self, weight: Blocked) -> None:
        dtype = weight.values.dtype
        blocks, groups, n, _ = weight.values.shape
        self._rows, self._blocks, self._size = weight.rows, blocks, weight.values.element_size()
        self._values, self._indices = weight.values.data_ptr(), weight.indices.data_ptr()
        self._sizes = groups, n, weight.pattern.m
        self._lines, self._line = groups * n, weight.indices.shape[-1]
        self._is_small = blocks * self._lines * ROWS < 2 * WORTH_A_THREAD
        self._one, self._turn, self._many = (
            _function(name, dtype) for name in ("one", "turn", "many")
        )
        self._most_vectors = BEST_VECTORS.get(weight.pattern.m // n, 4)

    def _from(self, block: int) -> tuple[int, int]:
        """Return where values and indices of a block begin."""
        lines = block * self._lines
        return self._values + lines * ROWS * self._size, self._indices + lines * self._line

    def one(self, inputs: int, bias: int | None, out: int) -> None:
        """Multiply one token.

        Args:
            inputs: where its float32 inputs are.
            bias: where those of the weight's rows are, in float32.
            out: where the outputs of the weight's rows go, in the weight's type.
        """
        if self._is_small:
            self._one(self._values, self._indices, inputs, bias, out, self._rows, *self._sizes)
            return

        def part(first: int, count: int) -> None:
            row = first * ROWS
            self._one(
                *(*self._from(first), inputs, bias and bias + 4 * row, out + self._size * row),
                *(min(count * ROWS, self._rows - row), *self._sizes),
            )

        in_parts(part, self._blocks, entries=self._lines * ROWS, unit=1)

    def many(self, inputs: Tensor, bias: int | None, out: int, *, stride: int) -> None:
        """Multiply several tokens; arguments as for `one`.

        Args:
            inputs: (tokens, width), contiguous, of the weight's type.
            bias: see `one`.
            out: see `one`.
            stride: outputs from one token to the next.
        """
        tokens = len(inputs)
        step = self._vectors(tokens) * _lanes()

        def tile(start: int, turned: Tensor, *, block: int = 0, count: int = self._blocks) -> None:
            here, row = min(step, tokens - start), block * ROWS
            self._many(
                *(*self._from(block), turned.data_ptr(), bias and bias + 4 * row),
                *(out + (start * stride + row) * self._size, here),
                *(min(count * ROWS, self._rows - row), stride, *self._sizes),
                self._vectors(here),
            )

        def tiles(first: int, count: int) -> None:
            for start in range(first * step, min((first + count) * step, tokens), step):
                tile(start, self._turned(inputs, start, min(step, tokens - start)))

        work = self._lines * ROWS * step // 4  # a vector does several at once
        if tokens > step:
            in_parts(tiles, -(-tokens // step), entries=self._blocks * work, unit=1)
        else:
            only, rows = self._turned(inputs, 0, tokens), self._blocks
            in_parts(lambda b, c: tile(0, only, block=b, count=c), rows, entries=work, unit=1)

    def _vectors(self, tokens: int) -> int:
        """Return how many vectors a tile of so many tokens has; the last tile has fewer."""
        return tile_vectors(-(-tokens // _lanes()), most=self._most_vectors)

    def _turned(self, inputs: Tensor, start: int, tokens: int) -> Tensor:
        """Return inputs as a tile reads them: (width, vectors, lanes)."""
        width, vectors = inputs.shape[1], self._vectors(tokens)
        made = torch.empty(width * vectors * _lanes(), dtype=torch.float32, device="cpu")
        at = inputs.data_ptr() + start * width * self._size
        self._turn(at, made.data_ptr(), tokens, width, vectors)
        return made


def tile_vectors(needed: int, *, most: int) -> int:
    """Return how many vectors of tokens a tile has: few enough for the cache, none left over."""
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
