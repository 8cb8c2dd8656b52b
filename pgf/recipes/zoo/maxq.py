"""Soft importance of rows and kernel positions on top of N:M."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import SrSte
from pgf.recipes.hooks import Layer, ShapesWeights
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("maxq")
@dataclass(frozen=True, kw_only=True)
class MaxQ(ShapesWeights, SrSte):
    """MaxQ: kept weights are multiplied by 1 + f + k, and N falls from M by one at a time.

    f is sigmoid((|w| - t) / tau) for the weights that are among the largest N/M of their output
    row, else 0; t lies midway between the smallest of these and the largest of the others. k is the
    same over all weights at one position of a convolution's kernel, and 0 elsewhere. N goes from M
    to its target in equal intervals of the sparse phase. Straight-through gradients, with SR-STE's
    term (Xiang et al., arXiv 2312.07061; formulas by their code,
    `mullt_axis_query_v2_pro_NM.py`, linear schedule). Their code multiplies also while all weights
    are kept; here that begins with the sparse phase.
    """

    label: ClassVar[str] = "MaxQ"
    published: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.75}

    tau: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tau <= 0:
            raise UserError(f"tau must be above 0: {self.tau}")

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del width
        pruned = int((pattern.m - pattern.n) * clock.progress)
        return replace(self.at_target(NMPattern(pattern.m - pruned, pattern.m)), name="sparse")

    def effective(
        self, weight: "Tensor", *, mask: "Tensor | None", decay: float, layer: Layer
    ) -> "Tensor":
        del decay
        if mask is None:
            return weight
        density = layer.pattern.density
        magnitude = weight.abs()
        importance = self._soft(magnitude.flatten(1), density).view(weight.shape)
        if weight.dim() == 4 and weight.shape[1] * weight.shape[2] > 1:  # (out, height, width, in)
            by_position = magnitude.permute(1, 2, 0, 3)
            soft = self._soft(by_position.flatten(0, 1).flatten(1), density)
            importance = importance + soft.view(by_position.shape).permute(2, 0, 1, 3)
        return weight * mask * (1 + importance)

    def _soft(self, magnitude: "Tensor", density: float) -> "Tensor":
        """Return f for each row of magnitudes, shape (rows, width)."""
        pruned = int((1 - density) * magnitude.shape[1])
        ordered = magnitude.sort(dim=1).values
        threshold = ordered[:, max(0, pruned - 1) : pruned + 1].mean(dim=1, keepdim=True)
        above = magnitude >= ordered[:, pruned : pruned + 1]
        return above * ((magnitude - threshold) / self.tau).sigmoid()
