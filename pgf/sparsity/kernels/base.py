"""The interface of kernels, each for any number of weights at once."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from pgf.recipes import NMPattern

Tensors = Sequence[Tensor]
Numbers = Sequence[float]


class Kernel(Protocol):
    """Masks, effective weights and gradient rules; groups run along the last axis.

    `weights` are masters and `effectives` what the model multiplies by, each (rows, width) or of
    more axes; masks are in a form of the kernel's own. All sequences of a call are of one length.
    """

    def empty_mask(self, weight: Tensor) -> Tensor:
        """Return room for a weight's mask."""
        ...

    def refresh(
        self,
        weights: Tensors,
        effectives: Tensors,
        masks: Tensors,
        *,
        pattern: NMPattern,
        decays: Numbers,
    ) -> None:
        """Write masks of largest |W|, and W (.) [mask + D (1 - mask)] with them."""
        ...

    def write(
        self, weights: Tensors, effectives: Tensors, masks: Tensors, *, decays: Numbers
    ) -> None:
        """Write W (.) [mask + D (1 - mask)]."""
        ...

    def restrict(
        self,
        gradients: Tensors,
        weights: Tensors,
        masks: Tensors,
        *,
        decays: Numbers,
        lambdas: Numbers,
    ) -> None:
        """Make gradients g (.) [mask + D (1 - mask)] + lambda (1 - mask) (.) W, in place.

        D = 1 leaves g as it is: the straight-through rule.
        """
        ...

    def pack(self, mask: Tensor) -> Tensor:
        """Return a bool mask in the kernel's own form."""
        ...

    def unpack(self, mask: Tensor, shape: torch.Size) -> Tensor:
        """Return a mask as a bool tensor of a shape."""
        ...
