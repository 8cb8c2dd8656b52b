"""The Triton product: on a GPU where there is one, else under Triton's interpreter.

The interpreter has a process of its own, which is set to it from its start.
"""

import os
from importlib.util import find_spec

import pytest
import torch
from support.interpreter import run_interpreted
from support.packed import assert_product, sparse_weight

from pgf.inference import PackedWeight
from pgf.inference.kernels.layout import to_blocks
from pgf.inference.kernels.on_gpu import DTYPES, GpuProduct
from pgf.recipes import NMPattern

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
pytestmark = [pytest.mark.gpu] if DEVICE == "cuda" else []

if DEVICE == "cpu" and os.environ.get("TRITON_INTERPRET") != "1":

    @pytest.mark.skipif(find_spec("triton") is None, reason="no Triton here")
    def test_under_the_interpreter() -> None:
        run_interpreted(__file__)

else:
    # The interpreter cuts float32 off to bfloat16, where a GPU rounds.
    TRIED = [d for d in DTYPES if DEVICE == "cuda" or d is not torch.bfloat16]

    @pytest.mark.parametrize("dtype", TRIED, ids=str)
    @pytest.mark.parametrize("text", ["1:4", "2:4", "3:6", "1:16", "1:32", "3:128", "1:256"])
    def test_products_are_those_of_the_dense_weight(text: str, dtype: torch.dtype) -> None:
        for rows, groups in ((5, 3), (33, 2)):
            weight = sparse_weight(text, rows=rows, groups=groups).to(DEVICE, dtype)
            product = GpuProduct(to_blocks(PackedWeight.of(weight, NMPattern.parse(text))))
            for tokens in (1, 3, 17):
                inputs = torch.randn(tokens, weight.shape[1], device=DEVICE).to(dtype)
                bias = torch.randn(rows + 2, device=DEVICE) if rows % 2 else None
                out = torch.full((tokens, rows + 2), 7.0, device=DEVICE).to(dtype)
                product.multiply(inputs, bias, out, first_row=2)
                own = None if bias is None else bias[2:]
                assert (out[:, :2] == 7).all()
                assert_product(out[:, 2:], weight, inputs, own)
