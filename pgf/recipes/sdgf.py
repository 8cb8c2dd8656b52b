"""Structure decay gradient flow (SdGf): binary masks whose pattern tightens in equal intervals.

arXiv 2402.04744, section 3 and figure 2(c). "We evenly partition the total sparsification epochs
throughout the decaying intervals": the sparse phase is cut into one interval per pattern, the last
of which is the target.
"""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.base import Recipe
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, Phase
from pgf.recipes.registry import register


@dataclass(frozen=True, kw_only=True)
class StructureDecay(Recipe):
    """Base of the two structure-decay recipes: a list of stages, and D = 0 throughout."""

    @abstractmethod
    def stages(self, pattern: NMPattern, width: int | None) -> list[NMPattern]:
        """Return the patterns in order, the target last."""

    def has_one_stage(self, *, pattern: NMPattern, width: int) -> bool:
        return len(self.stages(pattern, width)) == 1

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        stages = self.stages(pattern, width)
        # Whole numbers: floor(progress * count) misses a boundary by rounding.
        index = clock.elapsed * len(stages) // (clock.end - clock.start)
        return replace(self.at_target(stages[index]), name="sparse")


@register("sdgf_stepwise")
@dataclass(frozen=True, kw_only=True)
class SdgfStepwise(StructureDecay):
    """SdGf-Stepwise: (M-1):M, then M/2 : M, M/4 : M, ... and N:M; 1:8 is 7:8, 4:8, 2:8, 1:8.

    Where M / N is no power of two the last halving stops above N and the target follows (the
    authors' code never reaches such a target).
    """

    label: ClassVar[str] = "SdGf-Stepwise"

    def stages(self, pattern: NMPattern, width: int | None) -> list[NMPattern]:
        del width
        n, m = pattern.n, pattern.m
        kept = [m - 1]
        while kept[-1] > n:
            kept.append(m // 2 ** len(kept))
        return [NMPattern(k, m) for k in dict.fromkeys(kept) if k > n] + [pattern]


@register("sdgf_geometric")
@dataclass(frozen=True, kw_only=True)
class SdgfGeometric(StructureDecay):
    """SdGf-Geometric: k N : k M with k halved to 1; 1:8 is 16:128, 8:64, 4:32, 2:16, 1:8.

    A layer too narrow for k M starts at the largest k that divides its width, and its record says
    so; its intervals are longer accordingly.
    """

    label: ClassVar[str] = "SdGf-Geometric"

    k: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k < 1 or self.k & (self.k - 1):
            raise UserError(f"k must be a power of two, such as the paper's 16: {self.k}")

    def stages(self, pattern: NMPattern, width: int | None) -> list[NMPattern]:
        doublings = [pattern.times(2**i) for i in range(self.k.bit_length())]
        return [p for p in reversed(doublings) if width is None or p.fits(width)]

    def note(self, *, pattern: NMPattern, width: int) -> str | None:
        first, wanted = self.stages(pattern, width)[0], pattern.times(self.k)
        if first == wanted:
            return None
        return f"starts at {first} instead of {wanted}: width {width} holds no more"
