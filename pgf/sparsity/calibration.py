"""Masks from what layers see on calibration batches."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.recipes import Calibrates, Inputs, MaskSource, Recipe
from pgf.sparsity.masks import check_mask
from pgf.sparsity.sparse_layer import SparseLayer


@torch.no_grad()
def calibrate(recipe: Recipe, layers: Sequence[SparseLayer], forward: Callable[[], None]) -> None:
    """Take the layers' masks one after another, each with the ones before it pruned.

    The model must be at its dense weights; afterwards it is at the pruned ones.

    Args:
        recipe: the layers'.
        layers: in the model's order.
        forward: runs the model over the calibration batches.

    Raises:
        UserError: a layer saw nothing, or the recipe gives no N:M mask.
    """
    if not isinstance(recipe, Calibrates):
        raise UserError(f"the recipe {type(recipe).__name__} takes no masks by calibration")
    for layer in layers:
        mask = recipe.calibrate(layer, _inputs(layer, forward))
        who = f"{type(recipe).__name__}.calibrate, for {layer.name},"
        check_mask(mask, layer.weight, layer.pattern, who=who)
        layer.fixed[str(MaskSource.CALIBRATED)] = mask
        layer.write_pruned(mask)


def _inputs(layer: SparseLayer, forward: Callable[[], None]) -> Inputs:
    module = layer.block.module
    width = layer.block.width
    total = torch.zeros(width, dtype=torch.float64, device=layer.weight.device)
    gram = torch.zeros(width, width, dtype=torch.float64, device=layer.weight.device)
    counts = [0, 0]

    def look(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        del module
        rows = inputs[0].detach().flatten(0, -2).double()
        total.add_(rows.sum(dim=0))
        gram.addmm_(rows.t(), rows)
        counts[0] += len(inputs[0])
        counts[1] += len(rows)

    handle = module.register_forward_pre_hook(look)
    try:
        forward()
    finally:
        handle.remove()
    if not counts[1]:
        raise UserError(f"no calibration batch came through {layer.name}")
    return Inputs(samples=counts[0], tokens=counts[1], total=total, gram=gram)
