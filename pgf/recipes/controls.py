"""Controls that show what a task can tell apart: without the layers, and with a smaller model."""

from dataclasses import dataclass
from typing import ClassVar

from pgf.recipes.baselines import Dense, FixedMask
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import MaskSource, Phase
from pgf.recipes.registry import register


@register("removed")
@dataclass(frozen=True, kw_only=True)
class Removed(FixedMask):
    """The target's layers at zero from the first step, their biases kept.

    If this is as good as the rest, the layers are not needed, and no recipe can be told apart.
    """

    label: ClassVar[str] = "Removed"
    removes: ClassVar[bool] = True
    mask_source: ClassVar[MaskSource] = MaskSource.NOTHING
    advised: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.0}
    middle: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.0}


@register("small_dense")
@dataclass(frozen=True, kw_only=True)
class SmallDense(Dense):
    """Dense training of the task's model, narrowed to as many weights as the pruned one keeps.

    What a user would train instead. The task says how its model is narrowed.
    """

    label: ClassVar[str] = "Small dense"
    is_dense: ClassVar[bool] = False
    narrows: ClassVar[bool] = True

    def at_target(self, pattern: NMPattern) -> Phase:
        del pattern
        return Phase(name="dense", pattern=None)
