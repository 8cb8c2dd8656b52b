"""A recipe for anybody's training loop, in one call before it and one after it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from pgf.errors import UserError, nearest
from pgf.recipes import Distils, LearnsScores, MaskSource, Recipe, Target, find_recipe
from pgf.sparsity.attached import Attached
from pgf.sparsity.claims import claim
from pgf.sparsity.layers import read_layers
from pgf.sparsity.sparsifier import Sparsifier


def attach(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    target: Target | str,
    recipe: Recipe | str,
    total_steps: int,
    mask_seed: int = 0,
    groups: Mapping[str, Sequence[str]] | None = None,
    calibration: Callable[[], None] | None = None,
    **options: Any,
) -> Attached:
    """Train a model by a recipe from the optimiser's next step on; the loop stays as it is.

    Inside `optimizer.step()` the weights are the dense masters, and outside the effective weights
    W (.) [mask + D (1 - mask)] (arXiv 2402.04744, section 3). Works with any optimiser of torch
    that takes one gradient a step, closures, a GradScaler, accumulation, `torch.compile`,
    DistributedDataParallel (before or after) and `fully_shard` (before). Call it when the model
    has its weights and is on its device.

    A gradient that is clipped before the step is clipped without the recipe's part: SR-STE's
    lambda (1 - mask) W is added in the step and is as large as lambda says, whatever the norm.
    Averages of weights (EMA) are to be updated within `with sparse.dense()`, and pruned by
    `sparse.prune`. Weights that are loaded or written to later are taken as new masters; writing
    through `.data` is not seen.

    Args:
        model: its sparse modules' weights become effective weights from here on.
        optimizer: what owns the model's parameters; layers that it does not own stay dense. Recipes
            that learn scores give it one more group of parameters: make schedulers afterwards.
        target: layer groups with their patterns, as `1:16(FF)`.
        recipe: a recipe, or the name of one with its preset `advised`.
        total_steps: optimiser steps of the whole training; later ones hold the last phase.
        mask_seed: seed of random masks, the same in all processes.
        groups: layer groups by name patterns, in place of the built-in rules.
        calibration: runs the model over some batches, for recipes that prune by what layers see.
        options: of the recipe, such as `dense=0.2`, in place of its preset's.

    Raises:
        UserError: target, recipe, model and optimiser do not go together.

    >>> import torch, pgf
    >>> model = torch.nn.Sequential(torch.nn.Linear(16, 32), torch.nn.Linear(32, 4))
    >>> optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    >>> sparse = pgf.attach(
    ...     model,
    ...     optimizer,
    ...     target="1:4(FF)",
    ...     recipe="mdgf_linear",
    ...     total_steps=10,
    ...     groups={"FF": ["^0$"]},
    ... )
    >>> for _ in range(10):
    ...     model(torch.randn(8, 16)).square().mean().backward()
    ...     optimizer.step()
    ...     optimizer.zero_grad()
    >>> print(sparse.finish())
    0  FF       1:4 of 16     384 of 512 weights are 0
    dense, not in the groups that the task names: 1 x Linear *
    """
    if not isinstance(model, nn.Module):
        raise UserError(f"attach(model, optimizer, ...): a {type(model).__name__} is no model")
    model, optimizer = _unwrapped(model), _torch_optimizer(optimizer)
    goal = Target.parse(target) if isinstance(target, str) else target
    if total_steps < 1:
        raise UserError(f"total_steps is {total_steps}: it must be at least 1")
    if any(type(module).__name__ == "FullyShardedDataParallel" for module in model.modules()):
        raise UserError("attach works with fully_shard (FSDP 2), not FullyShardedDataParallel")
    if not getattr(type(optimizer).step, "hooked", False):  # timm's Lookahead, until its first step
        optimizer._patch_step_function()
    owned = {id(own) for group in optimizer.param_groups for own in group["params"]}
    if not any(id(parameter) in owned for parameter in model.parameters()):
        raise UserError("the optimiser owns no parameter of the model: it would train nothing")
    sparsifier = Sparsifier(
        model,
        target=goal,
        recipe=_recipe(recipe, goal, options),
        total_steps=total_steps,
        mask_seed=mask_seed,
        groups=groups,
        owned=owned,
    )
    _check_recipe(sparsifier, optimizer)
    claim(sparsifier.effective, optimizer)
    _own_scores(sparsifier, optimizer)
    layers = read_layers(model, groups, owned=owned)
    return Attached(sparsifier, optimizer, layers=layers, calibration=calibration)


def _recipe(recipe: Recipe | str, target: Target, options: Mapping[str, Any]) -> Recipe:
    if isinstance(recipe, Recipe):
        if options:
            raise UserError(f"{', '.join(options)}: options go with a recipe's name, not with one")
        return recipe
    kind = find_recipe(recipe)
    known = [own.name for own in fields(kind)]
    for name in options:
        if name not in known:
            own = ("mask_seed", "groups", "calibration")
            raise UserError(f"{recipe} has no option '{name}': {nearest(name, [*known, *own])}")
    patterns = {pattern for _, pattern in target.parts}
    settings: dict[str, Any] = kind.preset(
        "advised", patterns.pop() if len(patterns) == 1 else None
    )
    return kind(**{**settings, **options})


def _check_recipe(sparsifier: Sparsifier, optimizer: torch.optim.Optimizer) -> None:
    recipe, last = sparsifier.recipe, sparsifier.total_steps - 1
    name, phases = type(recipe).__name__, sparsifier.phases(last).values()
    if isinstance(optimizer, torch.optim.LBFGS):
        raise UserError("attach works with optimisers that take one gradient a step: not LBFGS")
    if recipe.narrows:
        raise UserError(f"the recipe {name} trains a narrower model: train it by a config")
    if isinstance(recipe, Distils) and sparsifier.layers:
        raise UserError(f"the recipe {name} learns from the dense model: train it by a config")
    if any(phase.mask_source is MaskSource.SALIENCY for phase in phases):
        raise UserError(
            f"the recipe {name} takes its masks from the first batch's gradients: train it by a "
            f"config"
        )


def _own_scores(sparsifier: Sparsifier, optimizer: torch.optim.Optimizer) -> None:
    recipe = sparsifier.recipe
    if sparsifier.scores:
        assert isinstance(recipe, LearnsScores)
        rate = recipe.score_rate * float(optimizer.param_groups[0]["lr"])
        own = {"params": list(sparsifier.scores.values()), "weight_decay": 0.0, "lr": rate}
        optimizer.add_param_group(own)


def _unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside torch.compile's and DistributedDataParallel's wrappers."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, DistributedDataParallel | DataParallel):
            inner = model.module
        if not isinstance(inner, nn.Module):
            return model
        model = inner


def _torch_optimizer(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """Return the optimiser inside Accelerate's wrapper."""
    while isinstance(inner := getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
        optimizer = inner
    return optimizer
