"""Dense master weights and effective weights, outside autograd.

A module's `weight` is the effective weight W~ = W (.) [mask + D (1 - mask)] (arXiv 2402.04744,
section 3) and an ordinary parameter, so the model runs as a dense one does. The optimiser owns the
dense master W. Per optimiser step: `refresh`, any number of forward and backward passes,
`take_gradients`, unscaling, `apply_gradient_rule`, clipping, the step.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pgf.recipes import MaskSource, NMPattern, Phase, Recipe, Target
from pgf.sparsity.kernels import MaskedLayers
from pgf.sparsity.masks import nm_mask
from pgf.sparsity.selection import select_layers
from pgf.sparsity.sparse_layer import SparseLayer, together


class Sparsifier:
    """Applies a recipe to the layers a target names, and leaves the rest of a model alone.

    Args:
        model: its sparse modules' weights become effective weights from here on.
        target: which layer groups end with which pattern.
        recipe: what holds at which step.
        total_steps: optimiser steps of the whole training.
        mask_seed: seed of random masks.
        groups: layer groups by name patterns, in place of the built-in rules.

    In a training loop of one's own:

    >>> import torch
    >>> from pgf import Sparsifier, Target, find_recipe
    >>> model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Linear(32, 4))
    >>> sparsifier = Sparsifier(
    ...     model,
    ...     target=Target.parse("1:4(FF)"),
    ...     recipe=find_recipe("mdgf_linear")(dense=0.1, fine_tune=0.3),
    ...     total_steps=10,
    ...     mask_seed=0,
    ...     groups={"FF": ["^0$"]},
    ... )
    >>> parameters = model.named_parameters()
    >>> optimizer = torch.optim.AdamW([sparsifier.optimizer_parameter(*p) for p in parameters])
    >>> for step in range(10):
    ...     sparsifier.refresh(step)  # before the forward pass
    ...     model(torch.randn(8, 16)).square().mean().backward()
    ...     sparsifier.take_gradients()
    ...     sparsifier.apply_gradient_rule()  # after unscaling, before clipping
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> with sparsifier.strict():  # the target pattern, D = 0
    ...     int((model[0].weight != 0).sum())
    128
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
        selected = [] if not recipe.prunes else select_layers(model, target, groups)
        for block, pattern in selected:
            name = f"{block.module_name}.weight"
            if name not in self.masters:
                self.effective[name] = block.module.get_parameter("weight")
                self.masters[name] = nn.Parameter(self.effective[name].detach().clone())
            master, effective = self.masters[name], self.effective[name]
            self.layers.append(SparseLayer(block, pattern, master, effective))
        self._draw_random_masks(mask_seed)

    def _draw_random_masks(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for layer in self.layers:
            # Drawn on the CPU for every recipe, so that all devices and recipes share the draw.
            score = torch.rand(layer.weight.shape, generator=generator)
            layer.fixed[str(MaskSource.RANDOM)] = nm_mask(score, layer.pattern)

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
        masked = []
        for layer in self.layers:
            layer.phase = phases[layer.pattern, layer.block.width]
            if layer.phase.pattern is None:
                layer.packed_mask = None
            else:
                masked.append(layer)
        self._copy_masters(masked)
        self._write(masked)

    def _write(self, masked: Sequence[SparseLayer]) -> None:
        """Take the masks of the layers' phases and write the effective weights with them."""
        launches = defaultdict[tuple[object, NMPattern | None], list[SparseLayer]](list)
        for layer in masked:
            assert layer.phase is not None
            pattern = None if layer.find_mask() else layer.phase.pattern
            launches[layer.launch, pattern].append(layer)
        for (_, pattern), layers in launches.items():
            decays = [layer.phase.mask_decay for layer in layers if layer.phase is not None]
            effectives = [layer.effective for layer in layers]
            kernel = layers[0].kernel
            if pattern is None:
                kernel.write(together(layers, decays), effectives)
            else:
                kernel.refresh(together(layers, decays), effectives, pattern=pattern)

    @torch.no_grad()
    def _copy_masters(self, masked: Sequence[SparseLayer]) -> None:
        """Copy the masters of all weights that the layers to be masked do not wholly cover."""
        covered = Counter[str]()
        for layer in masked:
            covered[f"{layer.block.module_name}.weight"] += layer.weight.numel()
        for name, effective in self.effective.items():
            if covered[name] < effective.numel():
                effective.copy_(self.masters[name])

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
        launches = defaultdict[object, list[SparseLayer]](list)
        for layer in self.layers:
            if layer.packed_mask is not None and layer.master.grad is not None:
                launches[layer.launch].append(layer)
        for layers in launches.values():
            layers[0].kernel.restrict(
                together(layers, [layer.gradient_decay for layer in layers]),
                [layer.gradient for layer in layers],
                lambdas=[layer.phase.srste_lambda for layer in layers if layer.phase is not None],
            )

    def target_mask(self, layer: SparseLayer) -> Tensor:
        """Return the mask of the strict target pattern, as evaluation uses it."""
        return layer.mask_at(self.recipe.at_target(layer.pattern))

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Hold the model at the strict target pattern with D = 0; then restore it."""
        saved = {name: effective.detach().clone() for name, effective in self.effective.items()}
        self._copy_masters(self.layers)
        for layer in self.layers:
            mask = layer.kernel.pack(self.target_mask(layer))
            with torch.no_grad():
                layer.kernel.write(MaskedLayers([layer.weight], [mask], [0.0]), [layer.effective])
        try:
            yield
        finally:
            self._restore(saved)

    @contextmanager
    def dense(self) -> Iterator[None]:
        """Hold the model at its dense masters; then restore it. For averages of the masters."""
        saved = {name: effective.detach().clone() for name, effective in self.effective.items()}
        self._restore({name: master.detach() for name, master in self.masters.items()})
        try:
            yield
        finally:
            self._restore(saved)

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
            "fixed": {layer.name: dict(layer.fixed) for layer in self.layers},
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned."""
        for name, master in self.masters.items():
            master.copy_(state["masters"][name])
        for layer in self.layers:
            layer.fixed.clear()
            layer.fixed.update(state["fixed"][layer.name])

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
