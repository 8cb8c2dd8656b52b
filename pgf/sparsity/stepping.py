"""A recipe's say in the optimiser's step, by torch's own hooks on optimisers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import ActsInSteps, AdamStep, Recipe
from pgf.sparsity.sparse_layer import SparseLayer

ADAM = (torch.optim.Adam, torch.optim.AdamW)


@dataclass
class StepWatch:
    """Calls a recipe's hooks after every step of an optimiser."""

    recipe: ActsInSteps
    layers: Sequence[SparseLayer]
    optimizer: torch.optim.Optimizer
    before: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Copies of weight and v of each layer, during a step."""

    def __post_init__(self) -> None:
        if self.recipe.needs_moments and not isinstance(self.optimizer, ADAM):
            raise UserError(
                f"the recipe {type(self.recipe).__name__} works with Adam's moments: the optimiser "
                f"must be adam or adamw, not {type(self.optimizer).__name__}"
            )
        owned = self._groups()
        for layer in self.layers:
            if id(layer.master) not in owned:
                raise UserError(f"the optimiser does not own the master weight of {layer.name}")
        self.optimizer.register_step_pre_hook(self._before)
        self.optimizer.register_step_post_hook(self._after)

    def _groups(self) -> dict[int, dict[str, Any]]:
        # Anew for every step: loading a state gives an optimiser other groups.
        return {
            id(parameter): group
            for group in self.optimizer.param_groups
            for parameter in group["params"]
        }

    @torch.no_grad()
    def _before(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if self.recipe.needs_moments:
            for layer in self._moving():
                second = optimizer.state[layer.master].get("exp_avg_sq")
                weight = layer.weight.clone()
                kept = torch.zeros_like(weight) if second is None else layer.block.view(second)
                self.before[layer.name] = weight, kept.clone()

    @torch.no_grad()
    def _after(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        groups = self._groups()
        for layer in self._moving():
            group = groups[id(layer.master)]
            if self.recipe.needs_moments:
                step = self._adam(layer, group, optimizer.state[layer.master])
                self.recipe.after_adam(layer, step)
            else:
                self.recipe.after_step(layer, learning_rate=float(group["lr"]))
        self.before.clear()

    def _moving(self) -> list[SparseLayer]:
        return [layer for layer in self.layers if layer.master.grad is not None]

    def _adam(
        self, layer: SparseLayer, group: dict[str, Any], state: dict[str, Tensor]
    ) -> AdamStep:
        weight, second = self.before[layer.name]
        return AdamStep(
            gradient=layer.gradient,
            weight_before=weight,
            second_before=second,
            first=layer.block.view(state["exp_avg"]),
            second=layer.block.view(state["exp_avg_sq"]),
            count=int(state["step"]),
            learning_rate=float(group["lr"]),
            betas=group["betas"],
            epsilon=group["eps"],
            weight_decay=group["weight_decay"],
        )


def check_bound(recipe: Recipe, layers: Sequence[SparseLayer], watch: StepWatch | None) -> None:
    """Check that a recipe that acts in an optimiser's steps has one.

    Raises:
        UserError: it has none.
    """
    if isinstance(recipe, ActsInSteps) and layers and watch is None:
        raise UserError(
            f"the recipe {type(recipe).__name__} acts in the optimiser's step: call "
            f"sparsifier.bind(optimizer) before training"
        )
