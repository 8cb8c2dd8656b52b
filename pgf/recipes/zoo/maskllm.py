"""Learned masks on frozen weights, sampled by Gumbel softmax."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.hooks import ActsInSteps, AdamStep, Layer
from pgf.recipes.patterns import NMPattern
from pgf.recipes.registry import register
from pgf.recipes.zoo.lbc import LearnedChoices, best, by_candidate, candidates, options

if TYPE_CHECKING:
    from torch import Tensor


@register("maskllm")
@dataclass(frozen=True, kw_only=True)
class MaskLlm(ActsInSteps, LearnedChoices):
    """MaskLLM: after dense training weights are frozen, and each group learns which to keep.

    W~ = W (.) sum_c y_c m_c over all choices c of N of M, y = softmax((kappa s + g) / tau) with
    Gumbel noise g, drawn anew in every step; the best score decides in the end. tau falls and kappa
    rises linearly over the sparse phase. Scores start as N(0, 0.01^2), plus `prior` standard
    deviations times the number of weights that a choice shares with the magnitude mask, less 1
    (Fang et al., arXiv 2409.17481, and their `differentiable_mask.py`; values by their scripts for
    Llama-2, with ten times the learning rate for scores).

    Theirs differs: the model is pre-trained, where here the dense phase stands for that; nothing
    but scores is trained, where here biases, norms and layers outside the target go on; the prior
    is SparseGPT's mask; scores have weight decay; and a term of 1e-5 holds the kept weights large.
    """

    label: ClassVar[str] = "MaskLLM"
    needs_moments: ClassVar[bool] = True
    score_rate: ClassVar[float] = 10.0
    published: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.0}
    advised: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.0}
    middle: ClassVar[dict[str, float]] = {"dense": 0.5, "fine_tune": 0.0}

    dense: float = 0.5
    prior: float = 3.0
    temperature: tuple[float, float] = (4.0, 0.05)
    scale: tuple[float, float] = (1e2, 5e2)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("temperature", "scale"):
            value = getattr(self, name)
            ends = tuple(value) if isinstance(value, list | tuple) else (value,)
            if len(ends) != 2 or not all(isinstance(x, int | float) and x > 0 for x in ends):
                raise UserError(f"{name} is two numbers above 0, the first and the last: {value}")
            object.__setattr__(self, name, ends)

    def first_scores(self, layer: Layer) -> "Tensor":
        import torch

        groups = layer.weight.numel() // layer.pattern.m
        drawn = torch.randn(groups, len(candidates(layer.pattern)), generator=layer.generator())
        return drawn.to(layer.weight) * 0.01

    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        if layer.chosen is None:
            shared = by_candidate(layer.pick(layer.weight, pattern).to(layer.weight.dtype), layer)
            layer.scores.data.add_((shared - 1) * (0.01 * self.prior))
        return best(self.standing(layer), layer)

    def soft(self, layer: Layer) -> "Tensor":
        import torch

        progress = layer.clock.progress
        tau = self.temperature[0] + progress * (self.temperature[1] - self.temperature[0])
        kappa = self.scale[0] + progress * (self.scale[1] - self.scale[0])
        drawn = torch.rand(layer.scores.shape, generator=layer.generator()).to(layer.scores)
        noise = -(-drawn.clamp(min=1e-20).log()).clamp(min=1e-20).log()
        return ((kappa * layer.scores + noise) / tau).softmax(dim=1) @ options(layer)

    def after_adam(self, layer: Layer, step: AdamStep) -> None:
        if layer.mask is not None:
            layer.weight.copy_(step.weight_before)
