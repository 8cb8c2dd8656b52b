"""One block of a weight that carries one pattern: its master, its mask, its effective weight."""

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor, nn

from pgf.recipes import GradientRule, MaskSource, NMPattern, Phase
from pgf.sparsity.kernels import Kernel, MaskedLayers, kernel_for, magnitude_mask
from pgf.sparsity.layers import PrunableWeight


class FixedMasks(MutableMapping[str, Tensor]):
    """Bool masks by their source, kept in the form of the layer's kernel."""

    def __init__(self, layer: "SparseLayer") -> None:
        self._layer = layer
        self.packed: dict[str, Tensor] = {}

    def __getitem__(self, source: str) -> Tensor:
        return self._layer.kernel.unpack(self.packed[source], self._layer.weight.shape)

    def __setitem__(self, source: str, mask: Tensor) -> None:
        self.packed[source] = self._layer.kernel.pack(mask.to(self._layer.master.device))

    def __delitem__(self, source: str) -> None:
        del self.packed[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)


@dataclass
class SparseLayer:
    """One block of a weight that carries one pattern."""

    block: PrunableWeight
    pattern: NMPattern
    master: nn.Parameter
    parameter: nn.Parameter
    """The effective weight that the block is a part of."""
    phase: Phase | None = None
    packed_mask: Tensor | None = None
    """The mask in force, in the kernel's form; None while dense."""
    kernel: Kernel = field(init=False)
    fixed: FixedMasks = field(init=False)
    """Masks that do not follow the weights: the run's state beside the masters."""

    def __post_init__(self) -> None:
        self.kernel = kernel_for(self.weight, self.effective)
        self.fixed = FixedMasks(self)

    @cached_property
    def mask_buffer(self) -> Tensor:
        """Room for masks that follow the weights, in the kernel's form."""
        return self.kernel.empty_mask(self.weight)

    @property
    def name(self) -> str:
        return self.block.name

    @property
    def weight(self) -> Tensor:
        """The master's values in the block's view, groups along the last axis."""
        return self.block.view(self.master.detach())

    @property
    def launch(self) -> object:
        """Key that layers of one kernel launch share."""
        return id(self.kernel), self.master.dtype, self.master.device

    @property
    def effective(self) -> Tensor:
        """The effective weight in the block's view; writing to it writes into the model."""
        return self.block.view(self.parameter.detach())

    @property
    def gradient(self) -> Tensor:
        """The master's gradient in the block's view; there must be one."""
        assert self.master.grad is not None
        return self.block.view(self.master.grad)

    @property
    def mask(self) -> Tensor | None:
        """The mask in force as bools in the block's view; None while dense."""
        return (
            None
            if self.packed_mask is None
            else self.kernel.unpack(self.packed_mask, self.weight.shape)
        )

    def find_mask(self) -> bool:
        """Look for the mask of the phase; the first one of a frozen phase is kept.

        Returns:
            True if a stored mask is used; False if the caller must take it, by magnitude.

        Raises:
            KeyError: it is one by saliency, which nobody has taken.
        """
        assert self.phase is not None and self.phase.pattern is not None
        source = self.phase.mask_source
        if source is MaskSource.MAGNITUDE:
            self.packed_mask = self.mask_buffer
            return False
        if str(source) not in self.fixed and source in (MaskSource.FROZEN, MaskSource.NOTHING):
            self.fixed[str(source)] = self.mask_at(self.phase)
        self.packed_mask = self.fixed.packed[str(source)]
        return True

    @torch.no_grad()
    def mask_at(self, phase: Phase) -> Tensor:
        """Return the mask of a phase as bools in the block's view, whatever is in force now.

        A fixed mask that is not taken yet is replaced by the mask by magnitude.
        """
        assert phase.pattern is not None
        source = str(phase.mask_source)
        if source in self.fixed:
            return self.fixed[source]
        if phase.mask_source is MaskSource.NOTHING:
            return torch.zeros_like(self.weight, dtype=torch.bool)
        return magnitude_mask(self.weight, phase.pattern)

    @property
    def gradient_decay(self) -> float:
        """Factor on the gradient of pruned weights, by the phase's rule."""
        assert self.phase is not None
        chain = self.phase.gradient_rule is GradientRule.CHAIN_RULE
        return self.phase.mask_decay if chain else 1.0

    @torch.no_grad()
    def restrict(self, gradient: Tensor) -> None:
        """Scale a gradient at the effective weight in place, as the phase's rule says."""
        if self.phase is not None and self.packed_mask is not None:
            layer = MaskedLayers([self.weight], [self.packed_mask], [self.gradient_decay])
            self.kernel.restrict(layer, [gradient], lambdas=[0.0])


def together(layers: Sequence[SparseLayer], decays: Sequence[float]) -> MaskedLayers:
    """Return masked layers as a kernel takes them."""
    masks = [layer.packed_mask for layer in layers if layer.packed_mask is not None]
    return MaskedLayers([layer.weight for layer in layers], masks, decays)
