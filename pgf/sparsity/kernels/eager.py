"""The kernels in plain torch: any device, dtype, layout and pattern."""

import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity.kernels.base import Numbers, Tensors
from pgf.sparsity.masks import nm_mask


class EagerKernel:
    """See `Kernel`; a mask is a bool tensor of the weight's shape."""

    def empty_mask(self, weight: Tensor) -> Tensor:
        return torch.empty(weight.shape, dtype=torch.bool, device=weight.device)

    def refresh(
        self,
        weights: Tensors,
        effectives: Tensors,
        masks: Tensors,
        *,
        pattern: NMPattern,
        decays: Numbers,
    ) -> None:
        for weight, mask in zip(weights, masks, strict=True):
            mask.copy_(nm_mask(weight, pattern))
        self.write(weights, effectives, masks, decays=decays)

    def write(
        self, weights: Tensors, effectives: Tensors, masks: Tensors, *, decays: Numbers
    ) -> None:
        for weight, effective, mask, decay in zip(weights, effectives, masks, decays, strict=True):
            effective.copy_(torch.where(mask, weight, decay * weight))

    def restrict(
        self,
        gradients: Tensors,
        weights: Tensors,
        masks: Tensors,
        *,
        decays: Numbers,
        lambdas: Numbers,
    ) -> None:
        for gradient, weight, mask, decay, srste_lambda in zip(
            gradients, weights, masks, decays, lambdas, strict=True
        ):
            if decay != 1.0:
                gradient.copy_(torch.where(mask, gradient, decay * gradient))
            if srste_lambda:
                gradient.add_(weight.masked_fill(mask, 0.0), alpha=srste_lambda)

    def pack(self, mask: Tensor) -> Tensor:
        return mask

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        del shape
        return mask
