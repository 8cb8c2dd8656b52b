"""Observers of training, and the state of a step that they see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pgf.sparsity import PrunableWeight, Sparsifier


class CurvePoint(NamedTuple):
    """One line of a run's curves."""

    step: int
    name: str
    layer: str
    reference: str
    value: float


@dataclass(frozen=True)
class StepState:
    """A step whose gradients are final (rule applied, clipped) and not yet used."""

    step: int
    loss: Tensor
    learning_rate: float
    gradient_norm: Tensor | None
    """Before clipping; None where nothing is clipped."""
    clip_norm: float | None
    model: nn.Module
    sparsifier: Sparsifier
    optimizer: torch.optim.Optimizer
    half_losses: Callable[[], tuple[Tensor, Tensor, float] | None]
    """Losses of two halves of a micro-batch, and (samples in a half) / (samples in the optimiser
    batch); None where it cannot be halved. Leaves generators and buffers as they were."""

    @property
    def clip_coefficient(self) -> float:
        """The factor of clipping; reading it waits for the device."""
        if self.gradient_norm is None or self.clip_norm is None:
            return 1.0
        return min(1.0, self.clip_norm / (float(self.gradient_norm) + 1e-6))

    def owned(self, block: PrunableWeight) -> nn.Parameter:
        """Return what the optimiser owns of a block's module: the master, or the weight itself."""
        return self.sparsifier.optimizer_parameter(block.weight_name, block.weight)

    def half_gradients(
        self, blocks: Sequence[PrunableWeight]
    ) -> tuple[list[Tensor], list[Tensor], float] | None:
        """Return both halves' gradients of the blocks, after rule and clipping.

        SR-STE's term is not in them: it is the same for every batch and no noise.
        """
        with torch.enable_grad():
            losses = self.half_losses()
            if losses is None:
                return None
            weights = [block.weight for block in blocks]
            # Unused: a layer that drop-path switched off in this pass.
            first = torch.autograd.grad(losses[0], weights, materialize_grads=True)
            second = torch.autograd.grad(losses[1], weights, materialize_grads=True)
        return self._finish(blocks, first), self._finish(blocks, second), losses[2]

    def _finish(
        self, blocks: Sequence[PrunableWeight], gradients: Sequence[Tensor]
    ) -> list[Tensor]:
        coefficient = self.clip_coefficient
        views = [block.view(g) for block, g in zip(blocks, gradients, strict=True)]
        layers = {layer.name: layer for layer in self.sparsifier.layers}
        for block, view in zip(blocks, views, strict=True):
            if block.name in layers:
                layers[block.name].restrict(view)
        return [view * coefficient for view in views]


class Observer(Protocol):
    """Something that watches training and never changes it."""

    rows: list[CurvePoint]

    def before_update(self, state: StepState) -> None:
        """Look at a step whose gradients are final, before the optimiser uses them."""

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
