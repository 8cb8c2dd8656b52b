"""Pruning by weights times activations, after training."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import OneShot
from pgf.recipes.hooks import Calibrates, Inputs, Layer
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import MaskSource, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class AfterTraining(Calibrates, OneShot):
    """Dense training, then one pruning by calibration before the last step.

    The last step of every recipe is at the strict target: here it is the one step of fine-tuning,
    at the end of the schedule. With `fine_tune` there are more.
    """

    published: ClassVar[dict[str, float]] = {"dense": 1.0, "fine_tune": 0.0}
    advised: ClassVar[dict[str, float]] = {"dense": 1.0, "fine_tune": 0.0}
    middle: ClassVar[dict[str, float]] = {"dense": 1.0, "fine_tune": 0.0}

    dense: float = 1.0
    batches: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batches < 1:
            raise UserError(f"batches must be 1 or more: {self.batches}")

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), mask_source=MaskSource.CALIBRATED)


@register("wanda")
@dataclass(frozen=True, kw_only=True)
class Wanda(AfterTraining):
    """Wanda: the N of largest |w| |x| are kept, |x| being the norm of the input that w multiplies.

    No weight is changed (Sun et al., arXiv 2306.11695, by group). They take the inputs of a whole
    block before they prune any of its layers; here every layer sees what those before it give.
    """

    label: ClassVar[str] = "Wanda"

    def calibrate(self, layer: Layer, inputs: Inputs) -> "Tensor":
        return layer.pick(importance(layer, inputs), layer.pattern)


def importance(layer: Layer, inputs: Inputs) -> "Tensor":
    """Return |w| |x| in float64; |x|^2 is the sum over all rows by the number of samples."""
    norm = (inputs.gram.diagonal() / inputs.samples).sqrt()
    return layer.weight.double().abs() * norm
