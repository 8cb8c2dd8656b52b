"""The product in Triton: float32, bfloat16 and float16 on a GPU. Its speed was not measured."""

from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from pgf.inference.kernels.layout import ROWS, Blocked

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ENTRIES = 2048
"""Of a tile of tokens, kept weights and rows."""
MOST_TOKENS = 16


class GpuProduct:
    """The product with one packed weight on a GPU.

    Args:
        weight: of one of `DTYPES`.
    """

    def __init__(self, weight: Blocked) -> None:
        self._weight = weight

    def multiply(self, inputs: Tensor, bias: Tensor | None, out: Tensor, *, first_row: int) -> None:
        """Write the products of tokens into columns of `out`.

        Args:
            inputs: (tokens, width), contiguous, of the weight's type.
            bias: (rows of `out`) float32, or None.
            out: (tokens, rows of the whole layer), contiguous.
            first_row: the column of the weight's first row.
        """
        weight, (tokens, width) = self._weight, inputs.shape
        blocks, groups, n, _ = weight.values.shape
        together = min(MOST_TOKENS, 1 << (tokens - 1).bit_length())
        launch = _kernel()[(blocks, -(-tokens // together))]
        with torch.cuda.device(inputs.device) if inputs.is_cuda else nullcontext():
            launch(
                *(weight.values, weight.indices, inputs),
                *(out if bias is None else bias[first_row:], out[:, first_row:]),
                *(tokens, weight.rows, width, out.shape[1], groups * n),
                N=n,
                M=weight.pattern.m,
                BIAS=bias is not None,
                TOKENS=together,
                LINES=ENTRIES // ROWS // together,
            )


def serves_gpu(dtype: torch.dtype, device: torch.device | str) -> bool:
    """Return whether there is a kernel for packed weights of a type on a GPU."""
    known = dtype in DTYPES and torch.device(device).type == "cuda"
    return known and find_spec("triton") is not None


@cache
def _kernel() -> Any:
    from pgf.inference.kernels.triton_source import product_kernel

    return product_kernel
