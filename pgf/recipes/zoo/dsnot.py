"""Masks that are mended without training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.hooks import Inputs, Layer
from pgf.recipes.registry import register
from pgf.recipes.zoo.wanda import AfterTraining, importance

if TYPE_CHECKING:
    from torch import Tensor


@register("dsnot")
@dataclass(frozen=True, kw_only=True)
class Dsnot(AfterTraining):
    """DSnoT: after Wanda weights grow and fall in pairs, for a smaller expected error of each row.

    The expected error of an output row is e = sum over pruned w of w x, x the mean over samples of
    the sum over tokens. In each of at most `cycles` rounds a row grows the pruned weight of largest
    w x / var(x) in the direction of e, and in its group the kept weight of least |w| |x| falls. A
    row is left alone from the round on in which e would change its sign, or is at most `threshold`
    (Zhang et al., arXiv 2310.08915, and their `prune.py` for N:M). Their code leaves Wanda's masks
    as they are in feed-forward layers unless told otherwise, and takes the mean of the variances of
    batches for var(x), where this is the variance over all of them.
    """

    label: ClassVar[str] = "DSnoT"

    cycles: int = 50
    threshold: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cycles < 1:
            raise UserError(f"cycles must be 1 or more: {self.cycles}")

    def calibrate(self, layer: Layer, inputs: Inputs) -> "Tensor":
        import torch

        mean = inputs.total / inputs.tokens
        variance = (inputs.gram.diagonal() / inputs.tokens - mean.square()).clamp(min=1e-12)
        error_of = layer.weight.double() * (inputs.total / inputs.samples)
        fall_by = importance(layer, inputs)
        mask = layer.pick(fall_by, layer.pattern)
        grow_by = error_of / variance
        fallen = ~mask  # what has been pruned or grown once stays as it is
        error = error_of.masked_fill(mask, 0.0).sum(dim=1)
        sign, going = error.sign(), torch.ones_like(error, dtype=torch.bool)
        candidates = ~mask
        rows = torch.arange(len(error), device=error.device)
        for _ in range(self.cycles):
            signed = grow_by * torch.where(error > 0, 1.0, -1.0)[:, None]
            signed = signed.masked_fill(~candidates, -torch.inf)
            grown = signed.argmax(dim=1)
            first = grown - grown % layer.pattern.m
            group = first[:, None] + torch.arange(layer.pattern.m, device=error.device)
            kept = fall_by.masked_fill(fallen, torch.inf).gather(1, group)
            falling = first + kept.argmin(dim=1)
            possible = kept.isfinite().any(dim=1) & candidates.any(dim=1)
            after = error + error_of[rows, falling] - error_of[rows, grown]
            going &= possible & (after.sign() == sign) & (error.abs() > self.threshold)
            if not going.any():
                break
            error = torch.where(going, after, error)
            moved = rows[going]
            mask[moved, falling[going]] = False
            mask[moved, grown[going]] = True
            fallen[moved, falling[going]] = True
            candidates[moved, grown[going]] = False
        return mask
