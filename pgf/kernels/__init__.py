"""Masks, effective weights and gradient rules of single weights, one dispatch over all devices.

Every kernel gives bitwise what `EagerKernel` does.
"""

from typing import Protocol

import torch
from torch import Tensor

from pgf.kernels import native
from pgf.kernels.eager import EagerKernel
from pgf.kernels.native import NativeKernel
from pgf.patterns import NMPattern

__all__ = ["EagerKernel", "Kernel", "NativeKernel", "kernel_for"]


class Kernel(Protocol):
    """What a recipe does to one weight; groups run along the last axis.

    `weight` is the master and `effective` what the model multiplies by, both (rows, width) or of
    more axes. A mask is a tensor in a form of the kernel's own.
    """

    def refresh(
        self, weight: Tensor, effective: Tensor, *, pattern: NMPattern, decay: float
    ) -> Tensor:
        """Write W (.) [mask + D (1 - mask)] with the mask of largest |W|; return that mask."""
        ...

    def write(self, weight: Tensor, effective: Tensor, mask: Tensor, *, decay: float) -> None:
        """Write W (.) [mask + D (1 - mask)]."""
        ...

    def restrict(
        self, gradient: Tensor, weight: Tensor, mask: Tensor, *, decay: float, srste_lambda: float
    ) -> None:
        """Make the gradient g (.) [mask + D (1 - mask)] + lambda (1 - mask) (.) W, in place.

        D = 1 leaves g as it is: the straight-through rule.
        """
        ...

    def pack(self, mask: Tensor) -> Tensor:
        """Return a bool mask in the kernel's own form."""
        ...

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        """Return a mask as a bool tensor of a shape."""
        ...


def kernel_for(weight: Tensor, effective: Tensor) -> Kernel:
    """Return the fastest kernel for such tensors here."""
    return NativeKernel() if native.serves(weight, effective) else EagerKernel()
