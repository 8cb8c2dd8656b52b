"""The kernels in plain torch: any device, dtype, layout and pattern."""

import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity.kernels.base import MaskedLayers, Numbers, Tensors
from pgf.sparsity.masks import nm_mask


class EagerKernel:
    """See `Kernel`; a mask is a bool tensor of the weight's shape."""

    def empty_mask(self, weight: Tensor) -> Tensor:
        return torch.empty(weight.shape, dtype=torch.bool, device=weight.device)

    def refresh(self, layers: MaskedLayers, effectives: Tensors, *, pattern: NMPattern) -> None:
        for weight, mask in zip(layers.weights, layers.masks, strict=True):
            mask.copy_(nm_mask(weight, pattern))
        self.write(layers, effectives)

    def write(self, layers: MaskedLayers, effectives: Tensors) -> None:
        for weight, mask, decay, effective in layers.each(effectives):
            effective.copy_(torch.where(mask, weight, decay * weight))

    def restrict(self, layers: MaskedLayers, gradients: Tensors, *, lambdas: Numbers) -> None:
        for weight, mask, decay, gradient, srste_lambda in layers.each(gradients, lambdas):
            if decay != 1.0:
                gradient.copy_(torch.where(mask, gradient, decay * gradient))
            if srste_lambda:
                gradient.add_(weight.masked_fill(mask, 0.0), alpha=srste_lambda)

    def pack(self, mask: Tensor) -> Tensor:
        return mask

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        del shape
        return mask
