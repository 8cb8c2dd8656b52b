"""The best combination of weights of each group, by learned scores."""

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import TargetAtOnce
from pgf.recipes.hooks import ChoosesMasks, Layer, LearnsScores
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import Clock, GradientRule, MaskSource, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor

MOST = 256
"""Candidates a group may have: there is a score for each."""


def candidates(pattern: NMPattern) -> list[tuple[int, ...]]:
    """Return all choices of N of M positions, in lexical order.

    Raises:
        UserError: there are too many.
    """
    if (count := math.comb(pattern.m, pattern.n)) > MOST:
        raise UserError(
            f"{pattern} has {count} combinations, and a score is learned for each: "
            f"this recipe takes patterns of at most {MOST}"
        )
    return list(combinations(range(pattern.m), pattern.n))


def options(layer: Layer) -> "Tensor":
    """Return the candidates' masks, (candidates, M), in the weight's type."""
    rows = candidates(layer.pattern)
    masks = layer.weight.new_zeros(len(rows), layer.pattern.m)
    for row, places in zip(masks, rows, strict=True):
        row[list(places)] = 1.0
    return masks


def by_candidate(values: "Tensor", layer: Layer) -> "Tensor":
    """Return values of weights summed over each candidate, (groups, candidates)."""
    return values.reshape(-1, layer.pattern.m) @ options(layer).t()


def best(scores: "Tensor", layer: Layer) -> "Tensor":
    """Return the mask of each group's best candidate; ties keep the first."""
    return options(layer)[scores.argmax(dim=1)].bool().view(layer.weight.shape)


@dataclass(frozen=True, kw_only=True)
class LearnedChoices(ChoosesMasks, LearnsScores, TargetAtOnce):
    """Recipes with a learned score for every choice of N of M.

    All weights may take part until the fine-tune phase; evaluation is under the best choices.
    """

    rules: ClassVar[tuple[GradientRule, ...]] = (GradientRule.CHAIN_RULE,)

    gradient: GradientRule = GradientRule.CHAIN_RULE

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        del clock, width
        return replace(self.at_target(pattern), name="sparse", mask_decay=1.0)

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), mask_source=MaskSource.CHOSEN)

    def settle(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        if layer.chosen is None:
            return layer.pick(layer.weight, pattern)
        return best(self.standing(layer), layer)

    def standing(self, layer: Layer) -> "Tensor":
        """Return the scores by which the best choice is taken, (groups, choices)."""
        return layer.scores.detach()

    def effective(
        self, weight: "Tensor", *, mask: "Tensor | None", decay: float, layer: Layer
    ) -> "Tensor":
        if mask is None:
            return weight
        return weight * (mask if decay == 0.0 else self.soft(layer).view(weight.shape))

    @abstractmethod
    def soft(self, layer: Layer) -> "Tensor":
        """Return what weights are multiplied by before the end, (groups, M), of the scores."""


@register("lbc")
@dataclass(frozen=True, kw_only=True)
class Lbc(LearnedChoices):
    """LBC: every choice of N of M weights has a learned score; the worst are dropped in turn.

    A weight takes part while a choice with it is left. The score of a choice has the gradient
    sum (dL/dW~) W over its weights, as if it were part of a mask; 1 + ceil((C - 1)(1 - t)^power) of
    the C choices are left at the share t of the sparse phase (Zhang et al., arXiv 2206.06662, with
    a power of 3, as their ResNet code has it; their DeiT code has 4). Scores start at 1 over the
    number of choices with one given weight. Here they have no weight decay.
    """

    label: ClassVar[str] = "LBC"
    published: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.5}
    advised: ClassVar[dict[str, float]] = {"dense": 0.0, "fine_tune": 0.3}

    power: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.power <= 0:
            raise UserError(f"power must be above 0: {self.power}")

    def first_scores(self, layer: Layer) -> "Tensor":
        n, m = layer.pattern.n, layer.pattern.m
        groups = layer.weight.numel() // m
        shape = groups, len(candidates(layer.pattern))
        return layer.weight.new_full(shape, 1 / math.comb(m - 1, n - 1))

    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        del pattern
        scores = self.standing(layer)
        count = scores.shape[1]
        left = 1 + math.ceil((count - 1) * (1 - layer.clock.progress) ** self.power - 1e-9)
        if layer.step >= layer.clock.end:
            left = 1
        kept = scores.argsort(dim=1, descending=True, stable=True)[:, :left]
        alive = scores.new_zeros(scores.shape).scatter_(1, kept, 1.0).bool()
        layer.memory["alive"] = alive & scores.isfinite()
        return best(self.standing(layer), layer)

    def standing(self, layer: Layer) -> "Tensor":
        scores = layer.scores.detach()
        alive = layer.memory.get("alive")
        return scores if alive is None else scores.masked_fill(~alive, -math.inf)

    def soft(self, layer: Layer) -> "Tensor":
        alive = layer.memory["alive"].to(layer.scores.dtype)
        hard = (alive @ options(layer) > 0).to(layer.scores.dtype)
        soft = (layer.scores * alive) @ options(layer)
        return hard + soft - soft.detach()
