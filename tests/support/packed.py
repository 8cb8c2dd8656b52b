"""Weights that are strictly N:M, and what a product with them must be."""

import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

PATTERNS = (
    *("1:2", "1:3", "1:4", "2:4", "1:5", "3:6", "1:8", "3:8", "5:12", "1:16", "7:16", "1:24"),
    *("1:32", "4:32", "1:64", "9:64", "1:128", "3:128", "1:256", "2:256"),
)


def sparse_weight(text: str, *, rows: int, groups: int, seed: int = 0) -> Tensor:
    """Return a float32 weight (rows, groups * M) whose groups keep exactly N."""
    pattern = NMPattern.parse(text)
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, groups * pattern.m, generator=generator)
    return weight * nm_mask(weight, pattern)


def assert_product(
    found: Tensor, weight: Tensor, inputs: Tensor, bias: Tensor | None = None
) -> None:
    """Compare with the product in float64.

    The bound: sums are float32, each of their k terms and the bias is rounded at most k + 2 times;
    what is bfloat16 is rounded once more.
    """
    wide, x = weight.double(), inputs.double()
    expected, size = x @ wide.t(), x.abs() @ wide.abs().t()
    if bias is not None:
        expected, size = expected + bias.double(), size + bias.double().abs()
    kept = int((weight != 0).sum(-1).max()) if weight.numel() else 0
    bound = (kept + 2) * 2**-23 * size + 1e-30
    if found.dtype != torch.float32:
        bound = bound + {torch.bfloat16: 2**-8, torch.float16: 2**-11}[found.dtype] * expected.abs()
    worst = ((found.double() - expected).abs() / bound).max() if found.numel() else 0.0
    assert found.shape == expected.shape and float(worst) <= 1.0, float(worst)
