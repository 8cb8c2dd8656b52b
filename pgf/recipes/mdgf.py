"""Mask decay gradient flow (MdGf): W (.) [mask + D (1 - mask)] with D decaying from 1 to 0.

arXiv 2402.04744, section 3 and figure 2(b). The mask is the target's from the first sparse step;
what decays is the share D of the pruned weights that still enters the forward pass. The two public
codes of the authors differ in the backward pass, hence `gradient`.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.base import Recipe
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, Phase
from pgf.recipes.registry import register


@dataclass(frozen=True, kw_only=True)
class MaskDecay(Recipe):
    """Base of the two mask-decay recipes.

    The speed of the decay is `beta` per step, or set by the share of training at which it is over,
    `zero_at`; with neither it is over when fine-tuning begins. j counts from the end of the dense
    phase (the authors' code divides the dense share by 100 once more, and counts from there).
    """

    exclusive: ClassVar[tuple[tuple[str, ...], ...]] = (("beta", "zero_at"),)

    beta: float | None = None
    zero_at: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta is not None and self.zero_at is not None:
            raise UserError("give the decay as beta or as zero_at, not both")
        if self.beta is not None and self.beta <= 0:
            raise UserError(f"beta must be positive, per step: {self.beta}")
        if self.zero_at is not None and not self.dense <= self.zero_at <= 1.0:
            raise UserError(f"zero_at {self.zero_at} must lie between dense {self.dense} and 1")

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del width
        return Phase(
            name="sparse",
            pattern=pattern,
            mask_decay=self.decay(clock),
            gradient_rule=self.gradient,
        )

    def decay(self, clock: Clock) -> float:
        """Return D at the clock's step, in [0, 1]."""
        if self.beta is not None:
            return self.curve(self.beta * clock.elapsed)
        zero = clock.end if self.zero_at is None else round(self.zero_at * clock.total)
        if clock.step >= zero:
            return 0.0
        return self.curve(self.reach * clock.elapsed / (zero - clock.start))

    reach: ClassVar[float]
    """The argument of `curve` at which the decay counts as over."""

    @abstractmethod
    def curve(self, x: float) -> float:
        """Return D after x = beta j."""


@register("mdgf_linear")
@dataclass(frozen=True, kw_only=True)
class MdgfLinear(MaskDecay):
    """MdGf-Linear: D(j) = max(1 - beta j, 0).

    `published` takes beta per step from Table 11 (best of two, chosen on the evaluation data) for
    2:4, 1:4 and 1:8; for sparser targets 2e-5, as Figure 6(b) shows at 1:32 (D = 0 after about
    50,000 steps): the paper prints none.
    """

    label: ClassVar[str] = "MdGf-Linear"
    reach: ClassVar[float] = 1.0

    @classmethod
    def preset(cls, name: str, pattern: NMPattern | None) -> dict[str, float]:
        settings = super().preset(name, pattern)
        if name != "published" or pattern is None:
            return settings
        table_11 = {"2:4": 1e-3, "1:4": 1e-3, "1:8": 2e-4}
        return {**settings, "beta": table_11.get(str(pattern), 2e-5)}

    def curve(self, x: float) -> float:
        return max(1.0 - x, 0.0)


@register("mdgf_exponential")
@dataclass(frozen=True, kw_only=True)
class MdgfExponential(MaskDecay):
    """MdGf-Exponential: D(j) = exp(-beta j), cut to 0 where it has fallen to 1%.

    With `beta` there is no cut before the fine-tune phase. `published` takes beta = 1e-4, the
    value of the authors' ViT files; the paper prints none.
    """

    label: ClassVar[str] = "MdGf-Exponential"
    reach: ClassVar[float] = math.log(100.0)

    @classmethod
    def preset(cls, name: str, pattern: NMPattern | None) -> dict[str, float]:
        settings = super().preset(name, pattern)
        return {**settings, "beta": 1e-4} if name == "published" else settings

    def curve(self, x: float) -> float:
        return math.exp(-x)
