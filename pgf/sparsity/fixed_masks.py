"""Masks that a layer keeps from step to step."""

from collections.abc import Iterator, MutableMapping

from torch import Tensor

from pgf.sparsity.kernels import Kernel


class FixedMasks(MutableMapping[str, Tensor]):
    """Bool masks of a weight by their source, held in the form of the layer's kernel."""

    def __init__(self, kernel: Kernel, weight: Tensor) -> None:
        self._kernel, self._shape, self._device = kernel, weight.shape, weight.device
        self.packed: dict[str, Tensor] = {}

    def refit(self, kernel: Kernel, weight: Tensor) -> None:
        """Hold the masks in another kernel's form, beside a weight that may have moved."""
        masks = dict(self)
        self._kernel, self._device = kernel, weight.device
        self.update(masks)

    def __getitem__(self, source: str) -> Tensor:
        return self._kernel.unpack(self.packed[source], self._shape)

    def __setitem__(self, source: str, mask: Tensor) -> None:
        self.packed[source] = self._kernel.pack(mask.to(self._device))

    def __delitem__(self, source: str) -> None:
        del self.packed[source]

    def __iter__(self) -> Iterator[str]:
        return iter(self.packed)

    def __len__(self) -> int:
        return len(self.packed)
