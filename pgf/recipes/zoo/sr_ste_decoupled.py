"""SR-STE for optimisers that rescale gradients."""

from dataclasses import dataclass
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import Ste
from pgf.recipes.hooks import ActsInSteps, Layer
from pgf.recipes.registry import register


@register("sr_ste_decoupled")
@dataclass(frozen=True, kw_only=True)
class SrSteDecoupled(ActsInSteps, Ste):
    """SR-STE whose decay of pruned weights stands beside the gradient, as AdamW's own decay.

    w <- w - eta lambda (1 - mask) (.) w after the optimiser's step, eta being the learning rate of
    the step. SR-STE (arXiv 2102.04010, equation 9) adds the same term to the gradient, which Adam
    then divides by the root of the second moment: the decay of a weight depends on its gradient's
    noise. The form is ours, by the argument of AdamW (arXiv 1711.05101); so is the value of lambda,
    a starting point for tuning.
    """

    label: ClassVar[str] = "SR-STE (decoupled)"

    lambda_w: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lambda_w < 0:
            raise UserError(f"lambda_w must not be negative: {self.lambda_w}")

    def after_step(self, layer: Layer, *, learning_rate: float) -> None:
        if layer.mask is not None:
            weight = layer.weight
            weight.sub_(weight.masked_fill(layer.mask, 0.0), alpha=learning_rate * self.lambda_w)
