"""Dynamic sparse training by group: drop the smallest weights, grow by gradient or at random."""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import TargetAtOnce
from pgf.recipes.hooks import ChoosesMasks, Layer, TurnsGradients
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("srigl")
@dataclass(frozen=True, kw_only=True)
class Srigl(ChoosesMasks, TurnsGradients, TargetAtOnce):
    """SRigL for N:M: every `every` steps the smallest kept weights give way to large gradients.

    Starts from a random mask. At an update the share alpha/2 (1 + cos(pi t / t_end)) of a layer's
    kept weights, those of least |w|, are dropped; each group grows as many as it lost where the
    dense gradient of the step before is largest, and what grows starts at 0. Pruned weights get no
    gradient. After the share `stop` of training the mask stays (Lasby et al.,
    arXiv 2305.02299, with RigL's schedule, arXiv 1911.11134: alpha 0.3, 100 steps, 75%). The paper
    has a constant fan-in by row, ablates neurons, and its code skips the optimiser's step at an
    update and clears the momentum of what is pruned; here the fan-in is N of every M.
    """

    label: ClassVar[str] = "SRigL"
    rules: ClassVar[tuple[GradientRule, ...]] = (GradientRule.CHAIN_RULE,)

    gradient: GradientRule = GradientRule.CHAIN_RULE
    every: int = 100
    alpha: float = 0.3
    stop: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.every < 1:
            raise UserError(f"every is a number of steps, 1 or more: {self.every}")
        for name in ("alpha", "stop"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"{name} is a share, in [0, 1]: {getattr(self, name)}")

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), mask_source=MaskSource.CHOSEN)

    def is_update(self, clock: Clock) -> bool:
        """Return whether the mask moves before the clock's step."""
        over = clock.step > self.stop * clock.total or clock.step >= clock.end
        return clock.elapsed > 0 and clock.elapsed % self.every == 0 and not over

    def turn(self, gradient: "Tensor", layer: Layer) -> None:
        moves_next = self.is_update(replace(layer.clock, step=layer.step + 1))
        # A step that a GradScaler skips has gradients that are no numbers.
        if layer.mask is not None and moves_next and bool(gradient.isfinite().all()):
            layer.memory["score"] = self.score(gradient, layer)

    def score(self, gradient: "Tensor", layer: Layer) -> "Tensor":
        """Return what pruned weights are grown by."""
        del layer
        return gradient.abs()

    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        import torch

        weight, mask = layer.weight, layer.chosen
        if mask is None:
            score = torch.rand(weight.shape, generator=layer.generator())
            return layer.pick(score.to(weight), pattern)
        if "score" not in layer.memory:
            return mask
        score = layer.memory.pop("score")
        clock = layer.clock
        share = self.alpha / 2 * (1 + math.cos(math.pi * clock.step / (self.stop * clock.total)))
        kept = mask & ~_smallest(weight, mask, share)
        grown = layer.pick(score.masked_fill(kept, math.inf), pattern)
        weight.masked_fill_(grown & ~mask, 0.0)
        return grown


def _smallest(weight: "Tensor", mask: "Tensor", share: float) -> "Tensor":
    """Return where the smallest kept weights of a layer are, a share of them all."""
    magnitude = weight.abs().masked_fill(~mask, math.inf).flatten()
    first = magnitude.argsort(stable=True)[: int(share * int(mask.sum()))]
    return mask.new_zeros(mask.numel()).scatter_(0, first, True).view(mask.shape)
