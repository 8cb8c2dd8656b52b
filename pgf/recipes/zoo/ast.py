"""Decay of pruned weights that joins Adam's update after the first moment."""

from dataclasses import dataclass
from typing import ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import Ste
from pgf.recipes.hooks import ActsInSteps, AdamStep, Layer
from pgf.recipes.registry import register


@register("ast")
@dataclass(frozen=True, kw_only=True)
class Ast(ActsInSteps, Ste):
    """AST, the adaptive sparse trainer, without its distillation and its extra weights.

    u = m + lambda (1 - mask) (.) W with m the first moment of the loss's gradient alone, and W
    after AdamW's own decay; v <- beta_2 v + (1 - beta_2) u^2, w <- w - eta u^ / (sqrt(v^) + eps).
    lambda rises linearly over the first `ramp` of training and then stays (Huang et al.,
    arXiv 2407.20584; values by their README for GPT-2: 1e-4, over 10,000 of 40,000 steps). Their
    `adamw.py` divides u by 1 - beta_1^t as a whole, as here. It negates a mask of integers with
    `~`, which gives -1 and -2 for 0 and 1: its pruned weights grow, and its kept ones twice as
    fast. Here the formula holds.
    """

    label: ClassVar[str] = "AST"
    needs_moments: ClassVar[bool] = True

    lambda_w: float = 1e-4
    ramp: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lambda_w < 0:
            raise UserError(f"lambda_w must not be negative: {self.lambda_w}")
        if not 0 <= self.ramp <= 1:
            raise UserError(f"ramp is a share of training, in [0, 1]: {self.ramp}")

    def after_adam(self, layer: Layer, step: AdamStep) -> None:
        if layer.mask is None:
            return
        beta_1, beta_2 = step.betas
        pull = layer.clock.step / max(1, self.ramp * layer.clock.total)
        decayed = step.weight_before * (1 - step.learning_rate * step.weight_decay)
        update = step.first + min(1.0, pull) * self.lambda_w * decayed.masked_fill(layer.mask, 0.0)
        second = beta_2 * step.second_before + (1 - beta_2) * update.square()
        step.second.copy_(second)
        denominator = (second / (1 - beta_2**step.count)).sqrt() + step.epsilon
        rate = step.learning_rate / (1 - beta_1**step.count)
        layer.weight.copy_(decayed - rate * update / denominator)
