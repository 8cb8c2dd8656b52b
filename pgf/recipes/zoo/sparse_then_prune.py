"""An L1 term while dense, one pruning, fine-tuning."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import OneShot
from pgf.recipes.hooks import Layer, TurnsGradients
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor


@register("sparse_then_prune")
@dataclass(frozen=True, kw_only=True)
class SparseThenPrune(TurnsGradients, OneShot):
    """Sparse then prune: L1 on the weights to be pruned, one magnitude pruning, fine-tuning.

    The gradient of lambda |W| is lambda sign(W), added in the dense phase to the layers of the
    target. After Prasetyo et al., "Sparse then Prune" (arXiv 2307.11988), for Vision Transformers
    and unstructured pruning. Their code takes its term over the last block's attention
    probabilities a, as the mean of 0.01 log(1 + a^2), and not over weights; lambda here is a guess,
    to be tuned.
    """

    label: ClassVar[str] = "Sparse then prune"

    lambda_w: float = 1e-4

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lambda_w < 0:
            raise UserError(f"lambda_w must not be negative: {self.lambda_w}")

    def turn(self, gradient: "Tensor", layer: Layer) -> None:
        if layer.mask is None:
            gradient.add_(layer.weight.sign(), alpha=self.lambda_w)
