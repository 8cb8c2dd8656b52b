"""A recipe's say in the optimiser's step, by torch's own hooks on optimisers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import ActsInSteps, AdamStep, Distils, LearnsScores, Recipe
from pgf.sparsity.sparse_layer import SparseLayer

ADAM = (torch.optim.Adam, torch.optim.AdamW)
Group = dict[str, Any]


@dataclass
class StepWatch:
    """Calls a recipe's hooks after every step of an optimiser that is done and not skipped."""

    recipe: Recipe
    layers: Sequence[SparseLayer]
    optimizer: torch.optim.Optimizer
    kept: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)
    """Copies of weight and v of each layer, during a step."""
    _handles: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._check()

    def follow(self) -> None:
        """Call the recipe's hooks from the optimiser's own; `attach` calls them itself."""
        if isinstance(self.recipe, ActsInSteps):
            before = self.optimizer.register_step_pre_hook(lambda *_: self.before())
            after = self.optimizer.register_step_post_hook(lambda *_: self.after())
            self._handles = [before, after]

    def _check(self) -> None:
        needs_adam = isinstance(self.recipe, ActsInSteps) and self.recipe.needs_moments
        if needs_adam and not isinstance(self.optimizer, ADAM):
            raise UserError(
                f"the recipe {type(self.recipe).__name__} works with Adam's moments: the "
                f"optimiser must be adam or adamw, not {type(self.optimizer).__name__}"
            )
        owned = self._groups()
        for layer in self.layers:
            parts = {"master weight": layer.owned, "scores": layer.score_parameter}
            for what, parameter in parts.items():
                if parameter is not None and id(parameter) not in owned:
                    raise UserError(f"the optimiser does not own the {what} of {layer.name}")

    def release(self) -> None:
        """Leave the optimiser alone from here on."""
        for handle in self._handles:
            handle.remove()

    def _groups(self) -> dict[int, Group]:
        # Anew for every step: loading a state gives an optimiser other groups.
        return {
            id(parameter): group
            for group in self.optimizer.param_groups
            for parameter in group["params"]
        }

    @torch.no_grad()
    def before(self) -> None:
        """Keep what the recipe compares with, once gradients are the masters' own."""
        if isinstance(self.recipe, ActsInSteps) and self.recipe.needs_moments:
            for layer in self._moving():
                second = self.optimizer.state[layer.owned].get("exp_avg_sq")
                weight = layer.weight.clone()
                kept = torch.zeros_like(weight) if second is None else layer.block.view(second)
                self.kept[layer.name] = weight, kept.clone()

    @torch.no_grad()
    def after(self) -> None:
        """Let the recipe act, unless the step was skipped."""
        if isinstance(self.recipe, ActsInSteps) and not is_skipped(self.optimizer):
            groups = self._groups()
            for layer in self._moving():
                self._act(self.recipe, layer, groups[id(layer.owned)])
        self.kept.clear()

    def _act(self, recipe: ActsInSteps, layer: SparseLayer, group: Group) -> None:
        if recipe.needs_moments:
            recipe.after_adam(layer, self._adam(layer, group))
        else:
            recipe.after_step(layer, learning_rate=float(group["lr"]))

    def _moving(self) -> list[SparseLayer]:
        return [layer for layer in self.layers if layer.master.grad is not None]

    def _adam(self, layer: SparseLayer, group: Group) -> AdamStep:
        weight, second = self.kept[layer.name]
        state = self.optimizer.state[layer.owned]
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
            # Adam's own decay is a part of the gradient, and so of the moments.
            weight_decay=group["weight_decay"] if group["decoupled_weight_decay"] else 0.0,
        )


def is_skipped(optimizer: torch.optim.Optimizer) -> bool:
    """Return whether the step in progress changes nothing.

    A fused optimiser is called in a step that a GradScaler skips, too, and told so.
    """
    found_inf = getattr(optimizer, "found_inf", None)
    return found_inf is not None and bool(found_inf)


def check_bound(recipe: Recipe, layers: Sequence[SparseLayer], watch: StepWatch | None) -> None:
    """Check that a recipe has what it needs of the training loop: the optimiser, a teacher.

    Raises:
        UserError: it has not.
    """
    name = type(recipe).__name__
    if isinstance(recipe, ActsInSteps | LearnsScores) and layers and watch is None:
        needs = "acts in its step" if isinstance(recipe, ActsInSteps) else "learns scores with it"
        raise UserError(
            f"the recipe {name} must know the optimiser, since it {needs}: call "
            f"sparsifier.bind(optimizer) before training"
        )
    pruned = any(layer.packed_mask is not None for layer in layers)
    if isinstance(recipe, Distils) and pruned and not any(layer.is_taught for layer in layers):
        raise UserError(
            f"the recipe {name} learns from the dense model, which pgf's own loop alone keeps: "
            f"train it by a config"
        )
