"""The kernels in plain torch: any device, dtype, layout and pattern."""

import torch
from torch import Tensor

from pgf.masks import nm_mask
from pgf.patterns import NMPattern


class EagerKernel:
    """See `Kernel`; a mask is a bool tensor of the weight's shape."""

    def refresh(
        self, weight: Tensor, effective: Tensor, *, pattern: NMPattern, decay: float
    ) -> Tensor:
        mask = nm_mask(weight, pattern)
        self.write(weight, effective, mask, decay=decay)
        return mask

    def write(self, weight: Tensor, effective: Tensor, mask: Tensor, *, decay: float) -> None:
        effective.copy_(torch.where(mask, weight, decay * weight))

    def restrict(
        self, gradient: Tensor, weight: Tensor, mask: Tensor, *, decay: float, srste_lambda: float
    ) -> None:
        if decay != 1.0:
            gradient.copy_(torch.where(mask, gradient, decay * gradient))
        if srste_lambda:
            gradient.add_(weight.masked_fill(mask, 0.0), alpha=srste_lambda)

    def pack(self, mask: Tensor) -> Tensor:
        return mask

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        del shape
        return mask
