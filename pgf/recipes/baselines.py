"""Dense training, the straight-through baselines, and fixed masks."""

from dataclasses import dataclass, replace
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.base import Recipe
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register


@register("dense")
@dataclass(frozen=True, kw_only=True)
class Dense(Recipe):
    """No pruning at all."""

    label: ClassVar[str] = "Dense"
    is_dense: ClassVar[bool] = True
    prunes: ClassVar[bool] = False

    def phase(
        self, step: int, total_steps: int, *, pattern: NMPattern, width: int | None = None
    ) -> Phase:
        del step, total_steps, pattern, width
        return Phase(name="dense", pattern=None)

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        return self.phase(clock.step, clock.total, pattern=pattern, width=width)


@dataclass(frozen=True, kw_only=True)
class TargetAtOnce(Recipe):
    """The target's phase from the first mask on."""

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del clock, width
        return replace(self.at_target(pattern), name="sparse")


@register("ste")
@dataclass(frozen=True, kw_only=True)
class Ste(TargetAtOnce):
    """Straight-through estimator: masked forward, unmasked gradient (arXiv 1308.3432)."""

    label: ClassVar[str] = "STE"


@register("sr_ste")
@dataclass(frozen=True, kw_only=True)
class SrSte(Ste):
    """SR-STE: straight-through plus lambda_W (1 - mask) (.) W (arXiv 2102.04010, equation 9).

    The term joins the gradient once an optimiser step, after unscaling and before clipping; under
    Adam it is divided by the second moment's root like everything else. 2e-4 is the default of the
    SR-STE authors' code and of this paper's.
    """

    label: ClassVar[str] = "SR-STE"

    lambda_w: float = 2e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lambda_w < 0:
            raise UserError(f"lambda_w must not be negative: {self.lambda_w}")

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), srste_lambda=self.lambda_w)


@dataclass(frozen=True, kw_only=True)
class FixedMask(TargetAtOnce):
    """A mask that never moves: pruned weights get no gradient."""

    mask_source: ClassVar[MaskSource]

    gradient: GradientRule = GradientRule.CHAIN_RULE

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), mask_source=self.mask_source)


@register("random_mask")
@dataclass(frozen=True, kw_only=True)
class RandomMask(FixedMask):
    """A uniformly random N:M mask, drawn once: what a recipe must beat to have chosen anything."""

    label: ClassVar[str] = "Random mask"
    mask_source: ClassVar[MaskSource] = MaskSource.RANDOM


@register("snip")
@dataclass(frozen=True, kw_only=True)
class Snip(FixedMask):
    """SNIP (arXiv 1810.02340): prune once before training, by what a batch's loss says.

    Connection sensitivity is |dL(c (.) W)/dc| at c = 1, which is |W dL/dW| at the dense weights.
    The first training batch, as prepared for training, decides. SNIP ranks the weights of all
    layers together and divides by their sum; under N:M each group of M is ranked by itself and the
    divisor drops out. The paper of the recipes (arXiv 2402.04744, table 7) does not say how it
    adapted SNIP.

    Without a dense share that is at initialisation. With one, the mask is taken at the first step
    after it, from the weights trained by then: no longer SNIP, but one-shot pruning by sensitivity.
    """

    label: ClassVar[str] = "SNIP"
    mask_source: ClassVar[MaskSource] = MaskSource.SALIENCY
    advised: ClassVar[dict[str, float]] = {**Recipe.advised, "dense": 0.0}
    middle: ClassVar[dict[str, float]] = {**Recipe.middle, "dense": 0.0}


@register("one_shot")
@dataclass(frozen=True, kw_only=True)
class OneShot(FixedMask):
    """Dense training, one magnitude pruning, then fine-tuning under that mask.

    ASP (arXiv 2104.08378) repeats the whole schedule after pruning, with a new optimiser; here both
    parts share one schedule and the optimiser's moments, so that every recipe has the same number
    of steps.
    """

    label: ClassVar[str] = "One-shot"
    mask_source: ClassVar[MaskSource] = MaskSource.FROZEN
    published: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.5}
    advised: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.5}
    middle: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.5}

    dense: float = 0.5
