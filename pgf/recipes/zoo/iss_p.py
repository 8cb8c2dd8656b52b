"""Unimportant weights shrink a little in every step, until they are pruned."""

from dataclasses import dataclass, replace
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.base import Recipe
from pgf.recipes.hooks import ActsInSteps, Layer
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register


@register("iss_p")
@dataclass(frozen=True, kw_only=True)
class IssP(ActsInSteps, Recipe):
    """ISS-P: iterative soft shrinkage by percentage.

    After every step of the sparse phase the weights that are not the N largest of their group lose
    the share `shrink` of their magnitude, w <- (1 - shrink) w. All weights take part in the passes,
    and a weight can come back. Then the mask is frozen, and pruned weights get no gradient (Wang et
    al., arXiv 2303.09650, mostly for unstructured pruning; their `ist_pruner.py`, with a shrink of
    0.05 in the README's commands and 0.01 by default).
    """

    label: ClassVar[str] = "ISS-P"
    published: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.3}

    fine_tune: float = 0.3
    shrink: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.shrink <= 1:
            raise UserError(f"shrink is a share of a weight, in [0, 1]: {self.shrink}")

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del clock, width
        return Phase(name="sparse", pattern=pattern, mask_decay=1.0, gradient_rule=self.gradient)

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(
            super().at_target(pattern),
            mask_source=MaskSource.FROZEN,
            gradient_rule=GradientRule.CHAIN_RULE,
        )

    def after_step(self, layer: Layer, *, learning_rate: float) -> None:
        del learning_rate
        if layer.phase is not None and layer.phase.mask_decay == 1.0:
            weight = layer.weight
            mask = layer.pick(weight, layer.pattern)
            weight.sub_(weight.masked_fill(mask, 0.0), alpha=self.shrink)
