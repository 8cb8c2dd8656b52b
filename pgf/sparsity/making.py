"""The sparse layers of a model, made once: masters, random masks, what a recipe prepares."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from pgf.errors import UserError
from pgf.recipes import (
    Calibrates,
    LayerHook,
    LearnsScores,
    MasksInputGradients,
    MaskSource,
    NMPattern,
    Recipe,
)
from pgf.seeds import seed_for
from pgf.sparsity.layers import PrunableWeight
from pgf.sparsity.masks import nm_mask
from pgf.sparsity.roles import is_conv1d
from pgf.sparsity.shards import is_sharded, local, own_rows, rows_in
from pgf.sparsity.sparse_layer import SparseLayer
from pgf.sparsity.two_weights import split


@torch.no_grad()
def make_layers(
    selected: Sequence[tuple[PrunableWeight, NMPattern]],
    *,
    recipe: Recipe,
    total_steps: int,
    mask_seed: int,
) -> list[SparseLayer]:
    """Return the sparse layers of selected blocks; blocks of one weight share one master.

    Args:
        selected: blocks with their patterns, as `select_layers` returns them.
        recipe: the layers' recipe.
        total_steps: optimiser steps of the whole training.
        mask_seed: seed of random masks, and of what the recipe draws.

    Raises:
        UserError: the recipe cannot work with a layer.
    """
    masters: dict[str, nn.Parameter] = {}
    layers: list[SparseLayer] = []
    generator = torch.Generator().manual_seed(mask_seed)
    for block, pattern in selected:
        parameter = block.weight
        if block.weight_name not in masters:
            masters[block.weight_name] = nn.Parameter(local(parameter.detach()).clone())
        if is_sharded(parameter) and isinstance(recipe, LayerHook):
            raise UserError(
                f"the recipe {type(recipe).__name__} needs whole weights: it does not work on "
                f"the shards of FSDP"
            )
        seed = seed_for(mask_seed, "mask", len(layers))
        layer = SparseLayer(
            block=own_rows(block, parameter),
            pattern=pattern,
            master=masters[block.weight_name],
            parameter=parameter,
            recipe=recipe,
            total_steps=total_steps,
            seed=seed,
        )
        # Drawn on the CPU for every recipe, so that all devices and recipes share the draw.
        score = torch.rand(block.shape, generator=generator)[rows_in(block, parameter)]
        layer.fixed[str(MaskSource.RANDOM)] = nm_mask(score, pattern)
        if isinstance(recipe, Calibrates | MasksInputGradients):
            _check_linear(block, recipe)
        if isinstance(recipe, LayerHook):
            recipe.begin(layer)
        if isinstance(recipe, LearnsScores):
            layer.score_parameter = nn.Parameter(recipe.first_scores(layer))
        if isinstance(recipe, MasksInputGradients):
            layer.backward = block.view(split(block.module))
        layers.append(layer)
    return layers


def _check_linear(block: PrunableWeight, recipe: Recipe) -> None:
    module = block.module
    if isinstance(module, NonDynamicallyQuantizableLinear):
        raise UserError(
            f"the recipe {type(recipe).__name__} does not see the inputs of {block.name}: "
            f"nn.MultiheadAttention does not call it"
        )
    if not (isinstance(module, nn.Linear) or is_conv1d(module)):
        raise UserError(
            f"the recipe {type(recipe).__name__} is for linear layers: {block.name} is a "
            f"{type(module).__name__}"
        )
