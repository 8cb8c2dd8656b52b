"""Masks along both axes, the second one within the first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.hooks import Layer
from pgf.recipes.registry import register
from pgf.recipes.zoo.bdwp import Bdwp

if TYPE_CHECKING:
    from torch import Tensor


@register("bi_mask")
@dataclass(frozen=True, kw_only=True)
class BiMask(Bdwp):
    """Bi-Mask: the input's gradient under those kept weights that are also N:M along the outputs.

    Groups of outputs are formed after a permutation of the output rows. Every `every` steps the
    permutation is the one of `tries` random ones under which most weights stay; in between the
    second mask follows the weights (Zhang et al., arXiv 2302.06058, and their `conv_type.py`; their
    commands have 100 and 100). The gradient of the weight passes straight, with SR-STE's term.
    """

    label: ClassVar[str] = "Bi-Mask"

    every: int = 100
    tries: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("every", "tries"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be 1 or more: {getattr(self, name)}")

    def backward_weight(self, layer: Layer) -> "Tensor":
        import torch

        assert layer.mask is not None
        kept = layer.weight * layer.mask
        if "rows" not in layer.memory or layer.step % self.every == 0:
            generator, rows = layer.generator(), len(kept)
            tried = [torch.randperm(rows, generator=generator) for _ in range(self.tries)]
            # Ties keep the first, as their code does.
            counts = [int(self._second(kept, order, layer).count_nonzero()) for order in tried]
            layer.memory["rows"] = tried[counts.index(max(counts))].to(kept.device)
        return self._second(kept, layer.memory["rows"], layer)

    def _second(self, kept: "Tensor", order: "Tensor", layer: Layer) -> "Tensor":
        """Return the kept weights that are also N:M along the outputs, in an order of these."""
        ordered = kept[order].t()
        second = (ordered * layer.pick(ordered, layer.pattern)).t()
        return kept.new_empty(kept.shape).index_copy_(0, order, second)
