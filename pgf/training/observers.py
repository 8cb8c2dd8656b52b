"""Observers of training, and the state of a step that they see."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from pgf.sparsity import PrunableWeight, Sparsifier

Gradients = Sequence[Tensor]


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
    batch_gradients: Callable[[Sequence[Tensor]], tuple[Gradients, Gradients]]
    """Gradients of weights by the losses of two training batches of their own, drawn independently.
    Leaves generators and buffers as they were."""

    @property
    def clip_coefficient(self) -> float:
        """The factor of clipping; reading it waits for the device."""
        if self.gradient_norm is None or self.clip_norm is None:
            return 1.0
        return min(1.0, self.clip_norm / (float(self.gradient_norm) + 1e-6))

    def owned(self, block: PrunableWeight) -> nn.Parameter:
        """Return what the optimiser owns of a block's module: the master, or the weight itself."""
        return self.sparsifier.optimizer_parameter(block.weight_name, block.weight)

    def noise_gradients(self, blocks: Sequence[PrunableWeight]) -> tuple[Gradients, Gradients]:
        """Return both batches' gradients of the blocks, after rule and clipping.

        SR-STE's term is not in them: it is the same for every batch and no noise.
        """
        with torch.enable_grad():
            first, second = self.batch_gradients([block.weight for block in blocks])
        return self._finish(blocks, first), self._finish(blocks, second)

    def _finish(self, blocks: Sequence[PrunableWeight], gradients: Gradients) -> Gradients:
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
