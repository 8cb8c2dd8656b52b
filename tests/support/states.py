"""The state of a step, as observers get it, without a training around it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pgf.recipes import RECIPES
from pgf.recipes.patterns import Target
from pgf.sparsity.sparsifier import Sparsifier
from pgf.training.observers import StepState


def dense_sparsifier(model: nn.Module) -> Sparsifier:
    """Return a sparsifier that prunes nothing."""
    return Sparsifier(model, target=Target(), recipe=RECIPES["dense"](), total_steps=9, mask_seed=1)


def no_gradients(weights: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Return the gradients of two batches that ask for nothing."""
    zeros = [torch.zeros_like(weight) for weight in weights]
    return zeros, zeros


def step_state(
    sparsifier: Sparsifier,
    optimizer: torch.optim.Optimizer,
    *,
    step: int = 0,
    batch_gradients: Callable[[Sequence[Tensor]], Any] = no_gradients,
) -> StepState:
    """Return the state before an update, of a loss that nobody looks at."""
    return StepState(
        step=step,
        loss=torch.tensor(0.0),
        learning_rate=0.1,
        gradient_norm=None,
        clip_norm=None,
        model=sparsifier.model,
        sparsifier=sparsifier,
        optimizer=optimizer,
        batch_gradients=batch_gradients,
    )
