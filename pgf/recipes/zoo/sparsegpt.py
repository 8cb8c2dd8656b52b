"""Pruning with reconstruction, after training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.hooks import Inputs, Layer
from pgf.recipes.registry import register
from pgf.recipes.zoo.wanda import AfterTraining

if TYPE_CHECKING:
    from torch import Tensor


@register("sparsegpt")
@dataclass(frozen=True, kw_only=True)
class SparseGpt(AfterTraining):
    """SparseGPT: column by column the rest of a row makes up for what is pruned of it.

    With H = sum x x^T + damping and U the upper Cholesky factor of its inverse, a group keeps the N
    of largest w^2 / U_jj^2, taken when its first column is reached; column j leaves the error
    e = (w_j - w~_j) / U_jj, and the columns after it become w - e U_j (Frantar and Alistarh,
    arXiv 2301.00774, algorithm 1, by group, and their code for damping: a share of H's mean
    diagonal, and 1 for inputs that are always 0).
    """

    label: ClassVar[str] = "SparseGPT"

    damping: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.damping <= 0:
            raise UserError(f"damping must be above 0: {self.damping}")

    def calibrate(self, layer: Layer, inputs: Inputs) -> "Tensor":
        import torch

        weight, m = layer.weight.double().clone(), layer.pattern.m
        hessian = inputs.gram.clone()
        diagonal = hessian.diagonal()
        unused = diagonal == 0
        diagonal[unused] = 1.0
        weight[:, unused] = 0.0
        diagonal += self.damping * diagonal.mean()
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
        factor = torch.linalg.cholesky(inverse, upper=True)
        mask = torch.zeros_like(layer.weight, dtype=torch.bool)
        for j in range(weight.shape[1]):
            if j % m == 0:
                group = slice(j, j + m)
                mask[:, group] = layer.pick(
                    weight[:, group] / factor.diagonal()[group], layer.pattern
                )
            kept = weight[:, j] * mask[:, j]
            error = (weight[:, j] - kept) / factor[j, j]
            weight[:, j:] -= error[:, None] * factor[j, j:]
            weight[:, j] = kept
        layer.weight.copy_(weight)
        return mask
