"""Dynamic sparse training by group, grown at random."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.recipes.hooks import Layer
from pgf.recipes.registry import register
from pgf.recipes.zoo.srigl import Srigl

if TYPE_CHECKING:
    from torch import Tensor


@register("set")
@dataclass(frozen=True, kw_only=True)
class Set(Srigl):
    """SET for N:M: every `every` steps the smallest kept weights give way to random ones.

    As `srigl`, but what grows is drawn uniformly, and no dense gradient is needed (Mocanu et al.,
    arXiv 1707.04780, which keeps the share dropped constant and drops the smallest positive and the
    largest negative weights; here both are as in SRigL, so that the two differ in growth alone).
    """

    label: ClassVar[str] = "SET"

    def score(self, gradient: "Tensor", layer: Layer) -> "Tensor":
        import torch

        return torch.rand(gradient.shape, generator=layer.generator()).to(gradient)
