"""Masks, effective weights and gradient rules, one dispatch over all devices.

Every kernel gives bitwise what `EagerKernel` does.
"""

from torch import Tensor

from pgf.kernels import native, on_gpu
from pgf.kernels.base import Kernel
from pgf.kernels.eager import EagerKernel
from pgf.kernels.native import NativeKernel
from pgf.kernels.on_gpu import TritonKernel

__all__ = ["EagerKernel", "Kernel", "NativeKernel", "TritonKernel", "kernel_for"]

EAGER, NATIVE, TRITON = EagerKernel(), NativeKernel(), TritonKernel()


def kernel_for(weight: Tensor, effective: Tensor) -> Kernel:
    """Return the fastest kernel for such tensors here; the same one for all that share a launch."""
    if native.serves(weight, effective):
        return NATIVE
    return TRITON if on_gpu.serves(weight, effective) else EAGER
