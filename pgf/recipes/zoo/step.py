"""Adam's second moment, taken while dense and then kept."""

from dataclasses import dataclass
from typing import ClassVar

from pgf.recipes.baselines import Ste
from pgf.recipes.hooks import ActsInSteps, AdamStep, Layer
from pgf.recipes.registry import register


@register("step")
@dataclass(frozen=True, kw_only=True)
class Step(ActsInSteps, Ste):
    """STEP: Adam trains densely first; then masks come in and its second moment stays as it was.

    From the first sparse step on w <- w - eta m^ / (sqrt(v*) + epsilon) with the v of the last
    dense step, under a straight-through mask (Lu et al., arXiv 2302.01172). The paper ends the
    dense phase when the mean change of v over a window falls below epsilon, between 10% and 50%
    of training; here the share is a setting, `dense`. v* is corrected for its bias, as Adam's is:
    after a short dense phase the difference is large. Without a dense step there is no v*, and
    Adam's own goes on. A public code (huyz2023/2by4-pretrain) has epsilon^(3/4) for epsilon.
    """

    label: ClassVar[str] = "STEP"
    needs_moments: ClassVar[bool] = True
    published: ClassVar[dict[str, float]] = {"dense": 0.1, "fine_tune": 0.0}

    dense: float = 0.1

    def after_adam(self, layer: Layer, step: AdamStep) -> None:
        if layer.mask is None or layer.clock.start == 0:
            return
        kept = layer.memory.get("second")
        if kept is None:
            kept = step.second_before / (1 - step.betas[1] ** (step.count - 1))
            layer.memory["second"] = kept
        first = step.first / (1 - step.betas[0] ** step.count)
        decayed = step.weight_before * (1 - step.learning_rate * step.weight_decay)
        update = first / (kept.sqrt() + step.epsilon)
        layer.weight.copy_(decayed - step.learning_rate * update)
        step.second.copy_(step.second_before)
