"""Masks along both axes, taken independently."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import SrSte
from pgf.recipes.hooks import Layer, MasksInputGradients
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("bdwp")
@dataclass(frozen=True, kw_only=True)
class Bdwp(MasksInputGradients, SrSte):
    """BDWP: one mask along the inputs, another along the outputs for the input's gradient.

    Both are by magnitude of the same dense weights. The gradient of the weight passes straight,
    with SR-STE's term (Fang et al., arXiv 2309.13015).
    """

    label: ClassVar[str] = "BDWP"

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), transposable=True)

    def begin(self, layer: Layer) -> None:
        check_rows(layer, type(self).label)

    def backward_weight(self, layer: Layer) -> "Tensor":
        weight = layer.weight.t()
        return (weight * layer.pick(weight, layer.pattern)).t()


def check_rows(layer: Layer, label: str) -> None:
    """Check that a layer's outputs divide into groups as its inputs do.

    Raises:
        UserError: they do not.
    """
    rows, m = layer.weight.shape[0], layer.pattern.m
    if layer.weight.dim() != 2 or rows % m:
        raise UserError(
            f"{label} needs a second mask along the outputs: the {rows} of {layer.name} do not "
            f"divide into groups of {m}"
        )
