"""Effective weights by a recipe's own function, and gradients back through it."""

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import Layer, Recipe, ShapesWeights


def is_differentiated(recipe: Recipe) -> bool:
    """Return whether gradients go back through the recipe's own effective weight."""
    return isinstance(recipe, ShapesWeights) and recipe.differentiated


@torch.no_grad()
def shaped(recipe: Recipe, layer: Layer, *, mask: Tensor | None, decay: float) -> Tensor | None:
    """Return a layer's effective weight; None if the recipe has none of its own.

    Args:
        recipe: the layer's.
        layer: the layer.
        mask: bool, in the block's view; None while dense.
        decay: D.

    Raises:
        UserError: the recipe's is of another shape.
    """
    if not isinstance(recipe, ShapesWeights):
        return None
    effective = recipe.effective(layer.weight, mask=mask, decay=decay, layer=layer)
    if effective.shape != layer.weight.shape:
        raise UserError(
            f"{type(recipe).__name__}.effective, for {layer.name}, gives a weight of "
            f"{tuple(effective.shape)}: it must be {tuple(layer.weight.shape)}"
        )
    return effective


def through(
    recipe: Recipe,
    layer: Layer,
    gradient: Tensor,
    *,
    mask: Tensor | None,
    decay: float,
    scores: Tensor | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return the gradients at the master and at the scores, given that at the effective weight.

    The second is None without scores, or where they take no part.
    """
    assert isinstance(recipe, ShapesWeights)
    with torch.enable_grad():
        weight = layer.weight.clone().requires_grad_()
        effective = recipe.effective(weight, mask=mask, decay=decay, layer=layer)
        inputs = [weight] if scores is None else [weight, scores]
        found = torch.autograd.grad(effective, inputs, gradient, allow_unused=True)
    of_weight = torch.zeros_like(gradient) if found[0] is None else found[0]
    return of_weight, found[1] if scores is not None else None
