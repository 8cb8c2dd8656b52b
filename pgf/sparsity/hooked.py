"""Calls of a recipe's hooks on all layers; nothing happens for a recipe without them."""

from collections.abc import Sequence

import torch

from pgf.recipes import MasksInputGradients, Recipe, ShapesWeights, TurnsGradients
from pgf.sparsity.sparse_layer import SparseLayer
from pgf.sparsity.two_weights import BACKWARD


@torch.no_grad()
def after_refresh(recipe: Recipe, layers: Sequence[SparseLayer]) -> None:
    """Write what the plain formula does not: shaped weights, and those of the backward pass."""
    if isinstance(recipe, ShapesWeights):
        for layer in layers:
            layer.shape(mask=layer.mask, decay=layer.decay)
    if isinstance(recipe, MasksInputGradients):
        for layer in layers:  # whole weights first: a block may be of no layer
            layer.block.module.get_buffer(BACKWARD).copy_(layer.parameter)
        for layer in layers:
            assert layer.backward is not None
            if layer.packed_mask is not None:
                layer.backward.copy_(recipe.backward_weight(layer))


@torch.no_grad()
def before_rule(recipe: Recipe, moving: Sequence[SparseLayer]) -> None:
    """Take gradients at effective weights back to what they were made from, and turn them.

    Args:
        recipe: the layers'.
        moving: the layers that have a gradient.
    """
    if isinstance(recipe, ShapesWeights):
        for layer in moving:
            layer.chain(layer.gradient, learn=True)
    if isinstance(recipe, TurnsGradients):
        for layer in moving:
            recipe.turn(layer.gradient, layer)
