"""Masks, effective weights and gradient rules, one dispatch over all devices.

Every kernel gives bitwise what `EagerKernel` does.
"""

import torch
from torch import Tensor

from pgf.recipes import NMPattern
from pgf.sparsity.kernels import native, on_gpu
from pgf.sparsity.kernels.base import Kernel, MaskedLayers
from pgf.sparsity.kernels.eager import EagerKernel
from pgf.sparsity.kernels.native import NativeKernel
from pgf.sparsity.kernels.on_gpu import TritonKernel
from pgf.sparsity.masks import nm_mask

__all__ = [
    "EagerKernel",
    "Kernel",
    "MaskedLayers",
    "NativeKernel",
    "TritonKernel",
    "kernel_for",
    "magnitude_mask",
]

EAGER, NATIVE, TRITON = EagerKernel(), NativeKernel(), TritonKernel()


def kernel_for(weight: Tensor, effective: Tensor) -> Kernel:
    """Return the fastest kernel for such tensors here; the same one for all that share a launch."""
    if native.serves(weight, effective):
        return NATIVE
    return TRITON if on_gpu.serves(weight, effective) else EAGER


def magnitude_mask(weight: Tensor, pattern: NMPattern) -> Tensor:
    """Return what `nm_mask` does, by the fastest kernel; for callers that need the mask alone.

    Raises:
        ValueError: M does not divide the width.
    """
    written = torch.empty_like(weight)
    kernel = kernel_for(weight, written)
    if kernel is EAGER or not pattern.fits(weight.shape[-1]):
        return nm_mask(weight, pattern)
    mask = kernel.empty_mask(weight)
    kernel.refresh(MaskedLayers([weight], [mask], [0.0]), [written], pattern=pattern)
    return kernel.unpack(mask, weight.shape)
