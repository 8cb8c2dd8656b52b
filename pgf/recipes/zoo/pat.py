"""Projection while training, then a frozen mask."""

from dataclasses import dataclass, replace
from typing import ClassVar

from pgf.recipes.baselines import Ste
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register


@register("pat")
@dataclass(frozen=True, kw_only=True)
class Pat(Ste):
    """Pruning-aware training: weights projected onto N:M in every step, then a mask that heals.

    The projection keeps the N of largest magnitude in the forward pass and leaves the latent
    weights dense, which is the straight-through estimator; from the fine-tune phase on ("healing")
    the mask is frozen and pruned weights get no gradient. Source: the prototype `pat` of pytorch/ao
    (pull request 4381, `optim/min_sparsity.py`).
    """

    label: ClassVar[str] = "PAT"

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del clock, width
        return Phase(name="sparse", pattern=pattern, gradient_rule=self.gradient)

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(
            super().at_target(pattern),
            mask_source=MaskSource.FROZEN,
            gradient_rule=GradientRule.CHAIN_RULE,
        )
