"""Dense master weights and effective weights, outside autograd.

A module's `weight` is the effective weight W~ = W (.) [mask + D (1 - mask)] (arXiv 2402.04744,
section 3) and an ordinary parameter, so the model runs as a dense one does. The optimiser owns the
dense master W. Per optimiser step: `refresh`, then forward and backward of any number of
micro-batches, then `take_gradients`, unscaling, `apply_gradient_rule`, clipping, the step. Layers
of `awaiting_saliency` get their masks before.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pgf.layers import PrunableWeight, select_layers
from pgf.masks import nm_mask
from pgf.patterns import NMPattern, Target
from pgf.recipes import GradientRule, MaskSource, Phase, Recipe


@dataclass
class SparseLayer:
    """One block of a weight that carries one pattern."""

    block: PrunableWeight
    pattern: NMPattern
    master: nn.Parameter
    phase: Phase | None = None
    mask: Tensor | None = None
    """The mask in force, in the block's view; None while dense."""
    fixed: dict[str, Tensor] = field(default_factory=dict)
    """Masks that do not follow the weights: the run's state beside the masters."""

    @property
    def name(self) -> str:
        return self.block.name

    @property
    def weight(self) -> Tensor:
        """The master's values in the block's view, groups along the last axis."""
        return self.block.view(self.master.detach())

    def mask_for(self, phase: Phase) -> Tensor | None:
        """Return the mask of a phase; the first one of a frozen phase is kept.

        Raises:
            KeyError: it is one by saliency, which nobody has taken; see `awaiting_saliency`.
        """
        if phase.pattern is None:
            return None
        if phase.mask_source is MaskSource.MAGNITUDE:
            return nm_mask(self.weight, phase.pattern)
        source = str(phase.mask_source)
        if phase.mask_source is MaskSource.FROZEN and source not in self.fixed:
            self.fixed[source] = nm_mask(self.weight, phase.pattern)
        return self.fixed[source]

    def restrict(self, gradient: Tensor) -> None:
        """Scale a gradient at the effective weight in place, as the phase's rule says."""
        if self.phase is None or self.mask is None:
            return
        if self.phase.gradient_rule is GradientRule.CHAIN_RULE:
            scaled = torch.where(self.mask, gradient, self.phase.mask_decay * gradient)
            gradient.copy_(scaled)


class Sparsifier:
    """Applies a recipe to the layers a target names, and leaves the rest of a model alone.

    Args:
        model: its sparse modules' weights become effective weights from here on.
        target: which layer groups end with which pattern.
        recipe: what holds at which step.
        total_steps: optimiser steps of the whole training.
        mask_seed: seed of random masks.
        groups: layer groups by name patterns, in place of the built-in rules.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        target: Target,
        recipe: Recipe,
        total_steps: int,
        mask_seed: int,
        groups: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.total_steps = total_steps
        self.masters: dict[str, nn.Parameter] = {}
        self.effective: dict[str, nn.Parameter] = {}
        self.layers: list[SparseLayer] = []
        selected = [] if recipe.is_dense else select_layers(model, target, groups)
        for block, pattern in selected:
            name = f"{block.module_name}.weight"
            if name not in self.masters:
                self.effective[name] = block.module.get_parameter("weight")
                self.masters[name] = nn.Parameter(self.effective[name].detach().clone())
            self.layers.append(SparseLayer(block, pattern, self.masters[name]))
        self._draw_random_masks(mask_seed)

    def _draw_random_masks(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for layer in self.layers:
            # Drawn on the CPU for every recipe, so that all devices and recipes share the draw.
            score = torch.rand(layer.weight.shape, generator=generator)
            mask = nm_mask(score, layer.pattern).to(layer.master.device)
            layer.fixed[str(MaskSource.RANDOM)] = mask

    def phases(self, step: int) -> dict[tuple[NMPattern, int], Phase]:
        """Return the phase of every pattern and width in use."""
        keys = {(layer.pattern, layer.block.width) for layer in self.layers}
        return {
            (pattern, width): self.recipe.phase(
                step, self.total_steps, pattern=pattern, width=width
            )
            for pattern, width in keys
        }

    def awaiting_saliency(self, step: int) -> list[SparseLayer]:
        """Return the layers whose mask of a step is by saliency and has not been taken."""
        phases = self.phases(step)
        source = MaskSource.SALIENCY
        return [
            layer
            for layer in self.layers
            for phase in [phases[layer.pattern, layer.block.width]]
            if phase.pattern and phase.mask_source is source and str(source) not in layer.fixed
        ]

    @torch.no_grad()
    def refresh(self, step: int) -> None:
        """Write the effective weights of a step into the model."""
        phases = self.phases(step)
        for name, effective in self.effective.items():
            effective.copy_(self.masters[name])
        for layer in self.layers:
            layer.phase = phases[layer.pattern, layer.block.width]
            layer.mask = layer.mask_for(layer.phase)
            if layer.mask is not None:
                self._write(layer, layer.mask, layer.phase.mask_decay)

    def _write(self, layer: SparseLayer, mask: Tensor, mask_decay: float) -> None:
        weight = self.effective[f"{layer.block.module_name}.weight"].detach()
        block = layer.block.view(weight)
        block.copy_(torch.where(mask, layer.weight, mask_decay * layer.weight))

    def take_gradients(self) -> None:
        """Hand the gradients at the effective weights to the masters."""
        for name, effective in self.effective.items():
            self.masters[name].grad = effective.grad
            effective.grad = None

    @torch.no_grad()
    def apply_gradient_rule(self) -> None:
        """Turn the gradient at the effective weight into the master's, once per step.

        To be called on unscaled gradients that hold all micro-batches and all ranks.
        """
        for layer in self.layers:
            phase, mask = layer.phase, layer.mask
            if phase is None or mask is None or layer.master.grad is None:
                continue
            gradient = layer.block.view(layer.master.grad)
            layer.restrict(gradient)
            if phase.srste_lambda:
                pruned = layer.weight.masked_fill(mask, 0.0)
                gradient.add_(pruned, alpha=phase.srste_lambda)

    def target_mask(self, layer: SparseLayer) -> Tensor:
        """Return the mask of the strict target pattern, as evaluation uses it."""
        last = self.recipe.at_target(layer.pattern)
        source = str(last.mask_source)
        if last.mask_source is not MaskSource.MAGNITUDE and source in layer.fixed:
            return layer.fixed[source]
        return nm_mask(layer.weight, layer.pattern)

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Hold the model at the strict target pattern with D = 0; then restore it."""
        kept = {name: effective.detach().clone() for name, effective in self.effective.items()}
        with torch.no_grad():
            for name, effective in self.effective.items():
                effective.copy_(self.masters[name])
            for layer in self.layers:
                self._write(layer, self.target_mask(layer), 0.0)
        try:
            yield
        finally:
            self._restore(kept)

    @contextmanager
    def dense(self) -> Iterator[None]:
        """Hold the model at its dense masters; then restore it. For averages of the masters."""
        kept = {name: effective.detach().clone() for name, effective in self.effective.items()}
        self._restore({name: master.detach() for name, master in self.masters.items()})
        try:
            yield
        finally:
            self._restore(kept)

    @torch.no_grad()
    def _restore(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.effective[name].copy_(value)

    def optimizer_parameter(self, name: str, parameter: nn.Parameter) -> nn.Parameter:
        """Return what the optimiser owns in place of a model's parameter."""
        return self.masters.get(name, parameter)

    def state_dict(self) -> dict[str, Any]:
        """Return masters and fixed masks: the schedule itself is a function of the step."""
        return {
            "masters": {name: master.detach() for name, master in self.masters.items()},
            "fixed": {layer.name: layer.fixed for layer in self.layers},
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        for name, master in self.masters.items():
            master.copy_(state["masters"][name])
        for layer in self.layers:
            device = layer.master.device
            layer.fixed = {k: mask.to(device) for k, mask in state["fixed"][layer.name].items()}

    def zeros(self) -> dict[str, tuple[int, int]]:
        """Return (zeros, entries) of each layer's weights at the strict target, as counted."""
        counts = {}
        with self.strict():
            for layer in self.layers:
                block = layer.block.view(layer.block.module.get_parameter("weight").detach())
                counts[layer.name] = (int((block == 0).sum()), block.numel())
        return counts

    def notes(self) -> dict[str, str]:
        """Return what the recipe has to say about single layers."""
        said = {
            layer.name: self.recipe.note(pattern=layer.pattern, width=layer.block.width)
            for layer in self.layers
        }
        return {name: note for name, note in said.items() if note is not None}
