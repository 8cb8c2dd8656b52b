"""Dense master weights and effective weights, outside autograd.

A module's `weight` is the effective weight W~ = W (.) [mask + D (1 - mask)] (arXiv 2402.04744,
section 3) and an ordinary parameter, so the model runs as a dense one does. The optimiser owns the
dense master W. Per optimiser step: `refresh`, any number of forward and backward passes,
`take_gradients`, unscaling, `apply_gradient_rule`, clipping, the step.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pgf.recipes import LayerHook, MaskSource, NMPattern, Phase, Recipe, Target
from pgf.sparsity.calibration import calibrate
from pgf.sparsity.effective import copy, restored, tell
from pgf.sparsity.finding import mask_at
from pgf.sparsity.hooked import after_refresh, before_rule
from pgf.sparsity.launches import restrict, write
from pgf.sparsity.making import make_layers
from pgf.sparsity.selection import select_layers
from pgf.sparsity.shards import local
from pgf.sparsity.sparse_layer import SparseLayer
from pgf.sparsity.state import check_state, load_state, state_of
from pgf.sparsity.stepping import StepWatch, check_bound


class Sparsifier:
    """Applies a recipe to the layers a target names, and leaves the rest of a model alone.

    Args:
        model: its sparse modules' weights become effective weights from here on.
        target: which layer groups end with which pattern.
        recipe: what holds at which step.
        total_steps: optimiser steps of the whole training.
        mask_seed: seed of random masks.
        groups: layer groups by name patterns, in place of the built-in rules.
        owned: ids of the parameters that an optimiser owns; weights of others stay dense.

    `attach` does for any loop what is done by hand here:

    >>> import torch, pgf
    >>> model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Linear(32, 4))
    >>> target = pgf.Target.parse("1:4(FF)")
    >>> recipe = pgf.find_recipe("mdgf_linear")(dense=0.1, fine_tune=0.3)
    >>> options = dict(recipe=recipe, total_steps=10, mask_seed=0, groups={"FF": ["^0$"]})
    >>> sparsifier = pgf.Sparsifier(model, target=target, **options)
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
        owned: Container[int] | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe
        self.total_steps = total_steps
        selected = [] if not recipe.prunes else select_layers(model, target, groups, owned=owned)
        self.layers = make_layers(
            selected, recipe=recipe, total_steps=total_steps, mask_seed=mask_seed
        )
        self.masters = {layer.weight_name: layer.master for layer in self.layers}
        self.effective = {layer.weight_name: layer.parameter for layer in self.layers}
        own = [(layer.name, layer.score_parameter) for layer in self.layers]
        self.scores = {name: scores for name, scores in own if scores is not None}
        """Scores that the recipe learns, by layer; the optimiser owns them beside the masters."""
        self._watch: StepWatch | None = None

    def bind(self, optimizer: torch.optim.Optimizer, *, follow: bool = True) -> StepWatch:
        """Let the recipe act in an optimiser's steps; in place of one that was bound before.

        Args:
            optimizer: what owns the masters.
            follow: whether the optimiser's own hooks call the recipe; False if the caller does.

        Raises:
            UserError: the recipe cannot work with the optimiser, or the optimiser does not own a
                master weight or a layer's scores.
        """
        if self._watch is not None:
            self._watch.release()
        self._watch = StepWatch(self.recipe, self.layers, optimizer)
        if follow:
            self._watch.follow()
        return self._watch

    def phases(self, step: int) -> dict[tuple[NMPattern, int], Phase]:
        """Return the phase of every pattern and width in use."""
        keys = {(layer.pattern, layer.block.width) for layer in self.layers}
        ask, total = self.recipe.phase, self.total_steps
        return {(p, w): ask(step, total, pattern=p, width=w) for p, w in keys}

    def awaiting(self, source: MaskSource, step: int) -> list[SparseLayer]:
        """Return the layers whose mask of a step is by a source and has not been taken."""
        phases = self.phases(step)
        return [
            layer
            for layer in self.layers
            for phase in [phases[layer.pattern, layer.block.width]]
            if phase.pattern and phase.mask_source is source and str(source) not in layer.fixed
        ]

    def calibrate(self, step: int, forward: Callable[[], None]) -> None:
        """Take the masks that a step waits for from calibration batches; before its `refresh`.

        Args:
            step: the step that is about to be done.
            forward: runs the model over the batches; it is called once for each layer.

        Raises:
            UserError: a layer saw nothing, or the recipe gives no N:M mask.
        """
        if not isinstance(self.recipe, LayerHook):
            return
        if waiting := self.awaiting(MaskSource.CALIBRATED, step):
            with self.dense():
                calibrate(self.recipe, waiting, forward)

    @torch.no_grad()
    def refresh(self, step: int) -> None:
        """Write the effective weights of a step into the model.

        Raises:
            UserError: the step waits for `calibrate`.
        """
        phases = self.phases(step)
        masked = []
        for layer in self.layers:
            layer.refit()
            layer.phase, layer.step = phases[layer.pattern, layer.block.width], step
            if layer.phase.pattern is None:
                layer.packed_mask = None
            else:
                masked.append(layer)
        self._copy_masters(masked)
        write(masked)
        after_refresh(self.recipe, self.layers)
        tell(self.effective)

    @torch.no_grad()
    def _copy_masters(self, masked: Sequence[SparseLayer]) -> None:
        """Copy the masters of all weights that the layers to be masked do not wholly cover."""
        covered = Counter[str]()
        for layer in masked:
            covered[layer.weight_name] += layer.weight.numel()
        uncovered = {n: own for n, own in self.masters.items() if covered[n] < own.numel()}
        copy(uncovered, self.effective)

    def take_gradients(self) -> None:
        """Hand the gradients at the effective weights to the masters."""
        for name, effective in self.effective.items():
            master, gradient = self.masters[name], effective.grad
            master.grad = None if gradient is None else local(gradient).to(master.dtype)
            effective.grad = None

    @torch.no_grad()
    def apply_gradient_rule(self) -> None:
        """Turn the gradient at the effective weight into the master's, once per step.

        To be called on unscaled gradients that hold all micro-batches and all ranks.

        Raises:
            UserError: the recipe needs a bound optimiser or a teacher, and has none.
        """
        check_bound(self.recipe, self.layers, self._watch)
        moving = [layer for layer in self.layers if layer.master.grad is not None]
        before_rule(self.recipe, moving)
        restrict([layer for layer in moving if layer.packed_mask is not None])

    def target_mask(self, layer: SparseLayer) -> Tensor:
        """Return the mask of the strict target pattern, as evaluation uses it."""
        return mask_at(layer, self.recipe.at_target(layer.pattern))

    @torch.no_grad()
    def write_strict(self) -> None:
        """Write the strict target pattern, D = 0, into the model; the next `refresh` undoes it."""
        self._copy_masters(self.layers)
        for layer in self.layers:
            layer.refit()
            layer.write_pruned(self.target_mask(layer))
        tell(self.effective)

    @contextmanager
    def strict(self) -> Iterator[None]:
        """Hold the model at the strict target pattern with D = 0; then restore it."""
        with restored(self.effective):
            self.write_strict()
            yield

    @contextmanager
    def dense(self) -> Iterator[None]:
        """Hold the model at its dense masters; then restore it. For averages of the masters."""
        with restored(self.effective):
            copy(self.masters, self.effective)
            for layer in self.layers:
                layer.shape(mask=None, decay=1.0)
            tell(self.effective)
            yield

    def optimizer_parameter(self, name: str, parameter: nn.Parameter) -> nn.Parameter:
        """Return what the optimiser owns in place of a model's parameter."""
        return self.masters.get(name, parameter)

    def state_dict(self) -> dict[str, Any]:
        """Return masters, fixed masks and the recipe's memory: the schedule is one of the step."""
        masters = {name: master.detach() for name, master in self.masters.items()}
        return {"masters": masters, **state_of(self.layers)}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Load what `state_dict` returned.

        Raises:
            UserError: it is the state of other layers, or of another recipe.
        """
        check_state(self.layers, state)
        for name, master in self.masters.items():
            master.copy_(state["masters"][name])
        load_state(self.layers, state)

    def zeros(self) -> dict[str, tuple[int, int]]:
        """Return (zeros, entries) of each layer's weights at the strict target, as counted."""
        counts = {}
        with self.strict():
            for layer in self.layers:
                block = layer.effective
                counts[layer.name] = (int((block == 0).sum()), block.numel())
        return counts
