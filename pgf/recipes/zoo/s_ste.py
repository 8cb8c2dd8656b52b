"""A continuous projection onto N:M: soft thresholds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.recipes.baselines import Ste
from pgf.recipes.hooks import Layer, ShapesWeights
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("s_ste")
@dataclass(frozen=True, kw_only=True)
class SSte(ShapesWeights, Ste):
    """S-STE: kept weights shrink by the group's largest pruned magnitude, then all are rescaled.

    W~ = beta S(W), S(w) = sign(w) max(|w| - t, 0), t the largest pruned |w| of the group;
    beta = <W, S(W)> / |S(W)|^2, which makes |W - beta S(W)| least, taken once a layer at the first
    sparse step and then frozen. The gradient passes straight through S and beta (Hu et al.,
    arXiv 2409.09099). Unlike a mask, W~ does not jump when two weights change
    places. The paper's sampled backward products and its FP8 are left out.
    """

    label: ClassVar[str] = "S-STE"

    def effective(
        self, weight: "Tensor", *, mask: "Tensor | None", decay: float, layer: Layer
    ) -> "Tensor":
        del decay
        if mask is None:
            return weight
        groups = weight.unflatten(-1, (-1, layer.pattern.m))
        pruned = groups.abs().masked_fill(mask.unflatten(-1, (-1, layer.pattern.m)), 0.0)
        threshold = pruned.amax(dim=-1, keepdim=True)
        soft = (groups.sign() * (groups.abs() - threshold).clamp(min=0.0)).flatten(-2)
        beta = layer.memory.get("beta")
        if beta is None:
            beta = (weight * soft).sum() / soft.square().sum().clamp(min=1e-30)
            if layer.mask is not None:  # in a sparse step, and not in an evaluation before it
                layer.memory["beta"] = beta
        return beta * soft
