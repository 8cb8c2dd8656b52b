"""Weights that somebody else writes into a model under a recipe: loaded, broadcast, swapped."""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import MaskSource
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
                f"owns, as load_state_dict(assign=True), parametrize and fully_shard make it: do "
                f"that before the optimiser is made and attach called"
            )


def versions(sparsifier: Sparsifier) -> dict[str, int]:
    """Return torch's count of how often each weight was written to; `.data` is not counted."""
    return {name: local(own.detach())._version for name, own in sparsifier.effective.items()}


def values_of(sparsifier: Sparsifier) -> dict[str, Tensor]:
    """Return copies of the weights that are in the model."""
    return {name: local(own.detach()).clone() for name, own in sparsifier.effective.items()}


def written(sparsifier: Sparsifier, before: Mapping[str, int]) -> list[str]:
    """Return the weights that were written to since their versions were taken."""
    return [name for name, version in versions(sparsifier).items() if version != before[name]]


def check_unchanged(
    sparsifier: Sparsifier, names: Collection[str], values: Mapping[str, Tensor]
) -> None:
    """Check that weights that were written to have their old values, as after a swap and back.

    Raises:
        UserError: the recipe remembers the old ones, and they are gone.
    """
    changed = [name for name in names if not _holds(sparsifier, name, values[name])]
    if changed:
        raise UserError(
            f"{', '.join(sorted(changed)[:3])} was written to after attach, and the recipe "
            f"{type(sparsifier.recipe).__name__} remembers the weights that it began with: load "
            f"weights first, or load attach's own state_dict after them"
        )


@torch.no_grad()
def pick_up(sparsifier: Sparsifier, names: Collection[str], step: int, *, whole: bool) -> None:
    """Take weights that are not the step's effective weights as new masters.

    Args:
        sparsifier: the model's; its recipe has no memory.
        names: weights that were written to.
        step: the step that comes next.
        whole: True for weights that were loaded; else entries that were left as they were keep
            their masters, which are not 0 where the effective weight is.
    """
    found = {name: local(sparsifier.effective[name].detach()).clone() for name in names}
    sparsifier.refresh(step)
    new = {name: value for name, value in found.items() if not _holds(sparsifier, name, value)}
    for name, value in new.items():
        master, before = sparsifier.masters[name], local(sparsifier.effective[name].detach())
        master.copy_(value if whole else torch.where(value == before, master, value))
    if new and step == 0:
        for layer in sparsifier.layers:  # a mask that is taken once was of the weights before
            if layer.weight_name in new:
                layer.fixed.pop(str(MaskSource.FROZEN), None)
    if new:
        sparsifier.refresh(step)


def _holds(sparsifier: Sparsifier, name: str, value: Tensor) -> bool:
    own = local(sparsifier.effective[name].detach())
    return own.dtype == value.dtype and torch.equal(own, value)
