"""The interface of kernels, each for any number of weights at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from pgf.recipes import NMPattern

Tensors = Sequence[Tensor]
Numbers = Sequence[float]


@dataclass(frozen=True, slots=True)
class MaskedLayers:
    """Layers that a call works on; all sequences of a call are of one length."""

    weights: Tensors
    """Masters, each (rows, width) or of more axes; groups run along the last one."""
    masks: Tensors
    """In a form of the kernel's own."""
    decays: Numbers
    """D of each layer: of the weights, or of the gradients."""

    def each(self, *others: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """Yield (weight, mask, D, then one of each of the others) of layer after layer."""
        return zip(self.weights, self.masks, self.decays, *others, strict=True)


class Kernel(Protocol):
    """Masks, effective weights (what the model multiplies by) and gradient rules."""

    def empty_mask(self, weight: Tensor) -> Tensor:
        """Return room for a weight's mask."""
        ...

    def refresh(self, layers: MaskedLayers, effectives: Tensors, *, pattern: NMPattern) -> None:
        """Write the layers' masks of largest |W|, and W (.) [mask + D (1 - mask)] with them."""
        ...

    def write(self, layers: MaskedLayers, effectives: Tensors) -> None:
        """Write W (.) [mask + D (1 - mask)]."""
        ...

    def restrict(self, layers: MaskedLayers, gradients: Tensors, *, lambdas: Numbers) -> None:
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
