"""Weights as powers of themselves."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import OneShot
from pgf.recipes.hooks import Layer, ShapesWeights
from pgf.recipes.phases import GradientRule
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1e-30
"""Keeps the derivative of |w|^(alpha - 1) finite at 0."""


@register("powerpropagation")
@dataclass(frozen=True, kw_only=True)
class Powerpropagation(ShapesWeights, OneShot):
    """Powerpropagation: the model multiplies by w |w|^(alpha - 1); large weights learn more.

    The gradient is that of the chain rule, and weight decay acts on w (Schwarz et al.,
    arXiv 2110.00296). The model starts where it would without: w is the initial weight's
    alpha-th root. Training is dense for half of its steps, then pruned once by magnitude and
    fine-tuned; the paper prunes once, after training, and has more masks by tasks.
    """

    label: ClassVar[str] = "Powerpropagation"
    rules: ClassVar[tuple[GradientRule, ...]] = (GradientRule.CHAIN_RULE,)
    differentiated: ClassVar[bool] = True

    alpha: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alpha < 1:
            raise UserError(f"alpha must be 1 or more: {self.alpha}")

    def begin(self, layer: Layer) -> None:
        layer.weight.copy_(layer.weight.sign() * layer.weight.abs() ** (1 / self.alpha))

    def effective(
        self, weight: "Tensor", *, mask: "Tensor | None", decay: float, layer: Layer
    ) -> "Tensor":
        del decay, layer
        powered = weight * weight.abs().clamp(min=SMALLEST) ** (self.alpha - 1)
        return powered if mask is None else powered * mask
