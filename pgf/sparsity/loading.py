"""Weights that somebody else writes into a model under a recipe: loaded, broadcast, swapped."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import LayerHook
from pgf.sparsity.effective import copy
from pgf.sparsity.shards import is_sharded, local
from pgf.sparsity.sparsifier import Sparsifier


def check_parameters(sparsifier: Sparsifier) -> None:
    """Check that the model's weights are the parameters that they were.

    Raises:
        UserError: one is another parameter now.
    """
    for layer in sparsifier.layers:
        own = layer.block.module._parameters.get(layer.block.parameter_name)
        if own is not layer.parameter and not is_sharded(layer.parameter):
            raise UserError(
                f"{layer.weight_name} is another parameter now than the one that the optimiser "
                f"owns, as load_state_dict(assign=True) makes it: load without assign, or before "
                f"the optimiser is made and attach called"
            )


def versions(sparsifier: Sparsifier) -> dict[str, int]:
    """Return torch's count of how often each weight was written to."""
    return {name: own._version for name, own in sparsifier.effective.items() if not is_sharded(own)}


def written(sparsifier: Sparsifier, before: Mapping[str, int]) -> list[str]:
    """Return the weights that were written to since their versions were taken."""
    return [name for name, version in versions(sparsifier).items() if version != before[name]]


@torch.no_grad()
def pick_up(sparsifier: Sparsifier, names: Collection[str], step: int) -> None:
    """Take weights that are not the step's effective weights as new masters.

    Raises:
        UserError: the recipe remembers the old ones.
    """
    found = {name: local(sparsifier.effective[name].detach()).clone() for name in names}
    if isinstance(sparsifier.recipe, LayerHook):
        raise UserError(
            f"{', '.join(sorted(names)[:3])} was written to after attach, and the recipe "
            f"{type(sparsifier.recipe).__name__} remembers the weights that it began with: load "
            f"weights first, or load attach's own state_dict after them"
        )
    sparsifier.refresh(step)
    new = {name: value for name, value in found.items() if not _is_written(sparsifier, name, value)}
    if new:
        copy(new, sparsifier.masters)
        sparsifier.refresh(step)


def _is_written(sparsifier: Sparsifier, name: str, value: Tensor) -> bool:
    return torch.equal(local(sparsifier.effective[name].detach()), value)
