"""The usual way of the public codes: an autograd function per layer, masks by argsort and scatter.

Written out here as the baseline, after the authors' PyTorch code and SR-STE's (its lambda inside
backward): in every forward pass the groups are sorted, a float mask is scattered, and weight copy,
mask and product are kept for backward.
"""

from typing import Any

import torch
from torch import Tensor, nn

from pgf.recipes import NMPattern, Target
from pgf.sparsity import select_layers


def argsort_mask(weight: Tensor, pattern: NMPattern) -> Tensor:
    """Return the float mask of the N largest of each M; equal magnitudes are kept as it happens."""
    groups = weight.abs().reshape(-1, pattern.m)
    pruned = groups.argsort(dim=1)[:, : pattern.m - pattern.n]
    mask = torch.ones_like(groups).scatter_(1, pruned, 0.0)
    return mask.reshape(weight.shape)


class MaskedWeight(torch.autograd.Function):
    """SR-STE: W (.) mask forward, g + lambda (1 - mask) (.) W backward."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, pattern: NMPattern, srste_lambda: float) -> Tensor:
        mask = argsort_mask(weight, pattern)
        ctx.save_for_backward(weight.clone(), mask)
        ctx.srste_lambda = srste_lambda
        return weight * mask

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        weight, mask = ctx.saved_tensors
        return gradients[0] + ctx.srste_lambda * (1 - mask) * weight, None, None


class UsualLinear(nn.Linear):
    """A linear layer that masks its weight in every forward pass."""

    pattern: NMPattern
    srste_lambda: float = 2e-4

    def forward(self, input: Tensor) -> Tensor:
        weight = MaskedWeight.apply(self.weight, self.pattern, self.srste_lambda)
        return nn.functional.linear(input, weight, self.bias)


def make_usual(model: nn.Module, target: Target) -> None:
    """Have the linear layers that a target names mask themselves."""
    for block, pattern in select_layers(model, target):
        assert type(block.module) is nn.Linear
        block.module.__class__ = UsualLinear
        block.module.pattern = pattern  # type: ignore[assignment]
