"""Random masks, of which tuning keeps the best."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from pgf.errors import UserError
from pgf.recipes.baselines import TargetAtOnce
from pgf.recipes.hooks import ChoosesMasks, Layer
from pgf.recipes.patterns import NMPattern
from pgf.recipes.phases import GradientRule, MaskSource, Phase
from pgf.recipes.registry import register

if TYPE_CHECKING:
    from torch import Tensor

DRAWS = (1, 2)
"""Draws that tuning tries beside the config's own."""


@register("random_search")
@dataclass(frozen=True, kw_only=True)
class RandomSearch(ChoosesMasks, TargetAtOnce):
    """Random search: the best of three random masks by validation loss.

    The mask depends on `draw` and the layer's name alone, and so is the same for all seeds. Tuning
    tries draws 1 and 2 beside 0, each trained at full length on validation data; other recipes try
    two more learning rates instead.
    """

    label: ClassVar[str] = "Random search"

    gradient: GradientRule = GradientRule.CHAIN_RULE
    draw: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.draw, int | float) or self.draw != int(self.draw) or self.draw < 0:
            raise UserError(f"draw is a whole number, 0 or more: {self.draw}")

    @classmethod
    def refinements(cls, options: Mapping[str, Any]) -> list[dict[str, float]]:
        own = int(options.get("draw", 0))
        return [{"draw": own + more} for more in DRAWS]

    def at_target(self, pattern: NMPattern) -> Phase:
        return replace(super().at_target(pattern), mask_source=MaskSource.CHOSEN)

    def choose(self, layer: Layer, pattern: NMPattern) -> "Tensor":
        if layer.chosen is not None:
            return layer.chosen
        import torch

        digest = hashlib.sha256(f"{int(self.draw)}:{layer.name}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        score = torch.rand(layer.weight.shape, generator=generator)
        return layer.pick(score.to(layer.weight), pattern)
