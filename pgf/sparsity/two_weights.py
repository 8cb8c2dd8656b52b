"""Linear layers whose input's gradient is taken with a weight of its own."""

from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgf.sparsity.roles import is_conv1d

BACKWARD = "backward_weight"
"""Name of the buffer on the module; it is in no state dict."""


class _TwoWeights(torch.autograd.Function):
    """y = x W^T + b; the gradient of x is g V, those of W and b as usual."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, other: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, other)
        ctx.has_bias = bias is not None
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, other = ctx.saved_tensors
        gradient = gradients[0].to(other.dtype)  # under autocast it is of less precision
        rows = gradient.flatten(0, -2)
        of_weight = rows.t() @ x.flatten(0, -2).to(other.dtype)
        of_bias = rows.sum(dim=0) if ctx.has_bias else None
        return (gradient @ other).to(x.dtype), of_weight, None, of_bias


def split(module: nn.Module) -> Tensor:
    """Let a linear layer take its input's gradient with a weight of its own; return that weight.

    Args:
        module: a `Linear` or transformers' `Conv1D`.

    Returns:
        The buffer of the weight's own shape, to be written before every forward pass.
    """
    if not hasattr(module, BACKWARD):
        weight = module.get_parameter("weight").detach().clone()
        module.register_buffer(BACKWARD, weight, persistent=False)
        module.forward = MethodType(_conv1d if is_conv1d(module) else _linear, module)
    return module.get_buffer(BACKWARD)


def unsplit(module: nn.Module) -> None:
    """Undo `split`: the gradient of the input is taken with the layer's own weight again."""
    if hasattr(module, BACKWARD):
        delattr(module, BACKWARD)
        module.__dict__.pop("forward", None)


def _linear(module: nn.Module, x: Tensor) -> Tensor:
    weight, other = module.get_parameter("weight"), module.get_buffer(BACKWARD)
    out: Tensor = _TwoWeights.apply(x, weight, other, module.bias)
    return out


def _conv1d(module: nn.Module, x: Tensor) -> Tensor:
    weight, other = module.get_parameter("weight"), module.get_buffer(BACKWARD)
    out: Tensor = _TwoWeights.apply(x, weight.t(), other.t(), module.bias)
    return out
