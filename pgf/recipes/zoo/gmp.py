"""Gradual magnitude pruning, by group."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.recipes.base import Recipe
from pgf.recipes.hooks import ChoosesMasks, Layer
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("gmp")
@dataclass(frozen=True, kw_only=True)
class Gmp(ChoosesMasks, Recipe):
    """Gradual magnitude pruning: the pruned share rises by a cubic, and no weight comes back.

    s(t) = s_f (1 - (1 - t)^3) over the sparse phase, t in [0, 1) (Zhu and Gupta, arXiv 1710.01878,
    equation 1, from s_i = 0). By group of M: N(t) = ceil(M (1 - s(t))) of largest magnitude among
    those still kept; pruned weights get no gradient. The paper prunes every 100 steps or more; here
    the mask is looked at in every step and changes where N(t) does.
    """

    label: ClassVar[str] = "GMP"

    gradient: GradientRule = GradientRule.CHAIN_RULE

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del width
        pruned = (1 - pattern.density) * (1 - (1 - clock.progress) ** 3)
        # Without the margin rounding keeps one weight too many where the product is a whole number.
        kept = max(pattern.n, math.ceil(pattern.m * (1 - pruned) - 1e-9))
        return self._phase("sparse", NMPattern(kept, pattern.m))

    def at_target(self, pattern: NMPattern) -> Phase:
        return self._phase("fine_tune", pattern)

    def _phase(self, name: str, pattern: NMPattern) -> Phase:
        return Phase(
            name=name,
            pattern=pattern,
            gradient_rule=self.gradient,
            mask_source=MaskSource.CHOSEN,
        )

    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        return layer.pick(layer.weight, pattern, among=layer.chosen)
