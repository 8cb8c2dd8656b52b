"""The mask of a step: taken by magnitude, kept from an earlier step, or the recipe's own choice."""

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import ChoosesMasks, MaskSource, NMPattern, Phase, Recipe
from pgf.sparsity.kernels import magnitude_mask
from pgf.sparsity.masks import check_mask
from pgf.sparsity.sparse_layer import SparseLayer


def find_mask(layer: SparseLayer) -> bool:
    """Look for the mask of a layer's phase; the first one of a frozen phase is kept.

    Returns:
        True if a stored mask is used; False if the caller must take it, by magnitude.

    Raises:
        UserError: it is one by calibration or saliency, which nobody has taken.
    """
    assert layer.phase is not None and layer.phase.pattern is not None
    source, name = layer.phase.mask_source, type(layer.recipe).__name__
    if source is MaskSource.MAGNITUDE:
        layer.packed_mask = layer.mask_buffer
        return False
    if source is MaskSource.CHOSEN:
        mask = _chooser(layer.recipe).choose(layer, layer.phase.pattern)
        _check(layer, mask, layer.phase.pattern, "choose")
        layer.fixed[str(source)] = mask
    elif str(source) not in layer.fixed and source in (MaskSource.FROZEN, MaskSource.NOTHING):
        layer.fixed[str(source)] = mask_at(layer, layer.phase)
    if source is MaskSource.CALIBRATED and str(source) not in layer.fixed:
        raise UserError(
            f"{name} takes its masks from calibration batches: call "
            f"sparsifier.calibrate(step, forward) before sparsifier.refresh(step)"
        )
    if source is MaskSource.SALIENCY and str(source) not in layer.fixed:
        raise UserError(
            f"{name} takes its masks from the first batch's gradients, which pgf's own loop alone "
            f"does: train it by a config"
        )
    layer.packed_mask = layer.fixed.packed[str(source)]
    return True


@torch.no_grad()
def mask_at(layer: SparseLayer, phase: Phase) -> Tensor:
    """Return a layer's mask in a phase as bools in the block's view, whatever is in force now.

    A fixed mask that is not taken yet is replaced by the mask by magnitude.
    """
    assert phase.pattern is not None
    source = str(phase.mask_source)
    if phase.mask_source is MaskSource.CHOSEN:
        mask = _chooser(layer.recipe).settle(layer, phase.pattern)
        _check(layer, mask, phase.pattern, "settle")
        return mask
    if source in layer.fixed:
        return layer.fixed[source]
    if phase.mask_source is MaskSource.NOTHING:
        return torch.zeros_like(layer.weight, dtype=torch.bool)
    return magnitude_mask(layer.weight, phase.pattern)


def _check(layer: SparseLayer, mask: Tensor, pattern: NMPattern, method: str) -> None:
    who = f"{type(layer.recipe).__name__}.{method}, for {layer.name},"
    check_mask(mask, layer.weight, pattern, who=who)


def _chooser(recipe: Recipe) -> ChoosesMasks:
    if not isinstance(recipe, ChoosesMasks):
        raise UserError(
            f"{type(recipe).__name__} has phases with masks of its own choice, but is no "
            f"pgf.recipes.ChoosesMasks"
        )
    return recipe
