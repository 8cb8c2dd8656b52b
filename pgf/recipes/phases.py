"""Phases, what holds at a step, and the clock, where a step stands in a training; no tensors."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from pgf.errors import UserError, nearest
from pgf.recipes.patterns import NMPattern


class GradientRule(StrEnum):
    """Rule that turns the gradient g at the effective weight into the master weight's."""

    STRAIGHT_THROUGH = "straight_through"
    """g as it is, also for pruned weights (the authors' PyTorch code)."""
    CHAIN_RULE = "chain_rule"
    """g (.) [mask + D (1 - mask)] (the authors' JAX code, and the paper's prose)."""


class MaskSource(StrEnum):
    """Source of the mask."""

    MAGNITUDE = "magnitude"
    """Largest master weights, taken anew at every step."""
    FROZEN = "frozen"
    """Largest master weights at the first step of the phase, then fixed."""
    RANDOM = "random"
    """Uniformly drawn once a run, then fixed."""
    SALIENCY = "saliency"
    """Largest |W dL/dW| of the dense model on the batch of the phase's first step, then fixed."""
    CALIBRATED = "calibrated"
    """By the recipe itself, one of `Calibrates`, from the layer's inputs on some batches at the
    phase's first step, then fixed."""
    CHOSEN = "chosen"
    """By the recipe itself, which is one of `ChoosesMasks`."""
    NOTHING = "nothing"
    """A mask that keeps no weight at all, whatever the pattern."""


T = TypeVar("T", bound=StrEnum)


def member(kind: type[T], value: object, *, what: str) -> T:
    """Return a rule or source by its name, which a user's own code may give as text.

    Args:
        kind: `GradientRule` or `MaskSource`.
        value: one of them, or its text.
        what: the setting, for the error.

    Raises:
        UserError: there is none of that name.
    """
    if isinstance(value, kind):
        return value
    if value not in list(kind):
        raise UserError(f"{what}: unknown '{value}': {nearest(str(value), kind)}")
    return kind(str(value))


PHASES = ("dense", "sparse", "fine_tune")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Pattern, decay and gradient rule of one optimiser step, for layers of one pattern and width.

    >>> from pgf import NMPattern, Phase
    >>> Phase(name="sparse", pattern=NMPattern(2, 4), mask_decay=0.5).gradient_rule.value
    'straight_through'
    """

    name: str
    """`dense`, `sparse` or `fine_tune`."""
    pattern: NMPattern | None
    """Pattern in force; None means dense."""
    mask_decay: float = 0.0
    """D in [0, 1]: what is left of pruned weights in the forward pass."""
    gradient_rule: GradientRule = GradientRule.STRAIGHT_THROUGH
    srste_lambda: float = 0.0
    """SR-STE's lambda_W, added to the gradient as lambda (1 - mask) (.) W."""
    mask_source: MaskSource = MaskSource.MAGNITUDE
    transposable: bool = False
    """True if the product for the input's gradient is sparse too: by a mask that is N:M along both
    axes, or by a second one."""

    def __post_init__(self) -> None:
        # A plan asks for a million phases: what is right as it is takes half a microsecond.
        is_right = (
            self.name in PHASES
            and type(self.gradient_rule) is GradientRule
            and type(self.mask_source) is MaskSource
            and (self.pattern is None or type(self.pattern) is NMPattern)
            and type(self.mask_decay) is float
            and 0.0 <= self.mask_decay <= 1.0
            and type(self.srste_lambda) is float
            and math.isfinite(self.srste_lambda)
        )
        if not is_right:
            self._mend()

    def _mend(self) -> None:
        """Take the rule and the source as text; refuse what cannot be followed."""
        if self.name not in PHASES:
            raise UserError(f"a phase's name is one of {', '.join(PHASES)}, not {self.name!r}")
        if not isinstance(self.pattern, NMPattern | None):
            raise UserError(f"a phase's pattern is an NMPattern or None, not {self.pattern!r}")
        if not _is_number(self.mask_decay) or not 0.0 <= self.mask_decay <= 1.0:
            raise UserError(f"a phase's mask_decay is a number in [0, 1], not {self.mask_decay!r}")
        if not _is_number(self.srste_lambda):
            raise UserError(f"a phase's srste_lambda is a number, not {self.srste_lambda!r}")
        object.__setattr__(
            self, "gradient_rule", member(GradientRule, self.gradient_rule, what="gradient")
        )
        object.__setattr__(
            self, "mask_source", member(MaskSource, self.mask_source, what="mask_source")
        )

    @property
    def density(self) -> float:
        """Share of the weights that the mask keeps; 1 while dense."""
        if self.pattern is None:
            return 1.0
        return 0.0 if self.mask_source is MaskSource.NOTHING else self.pattern.density


@dataclass(frozen=True)
class Clock:
    """Position of a step between the phases; all counts are optimiser steps."""

    step: int
    total: int
    start: int
    """First sparse step: the dense phase is over."""
    end: int
    """First fine-tuning step: the strict target holds from here on."""

    @property
    def elapsed(self) -> int:
        """Steps since the dense phase ended: the paper's j."""
        return self.step - self.start

    @property
    def progress(self) -> float:
        """Share of the sparse phase that is over, in [0, 1)."""
        return self.elapsed / max(1, self.end - self.start)
