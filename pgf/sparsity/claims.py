"""The weights that recipes train: no weight is trained by two, and finished ones by none."""

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from pgf.errors import UserError
from pgf.sparsity.shards import is_sharded
from pgf.sparsity.sparsifier import Sparsifier

_CLAIMED: "dict[int, weakref.ref[nn.Parameter]]" = {}
"""Weights that a recipe trains, by id; an id may be used again once its parameter is gone."""
_REFUSALS: "weakref.WeakKeyDictionary[torch.optim.Optimizer, Any]" = weakref.WeakKeyDictionary()
"""Handles of the hooks that keep a finished model from being trained on."""


def claim(parameters: Mapping[str, nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """Record that a recipe trains these weights in an optimiser's steps.

    Raises:
        UserError: another recipe trains one of them.
    """
    for name, parameter in parameters.items():
        known = _CLAIMED.get(id(parameter))
        if known is not None and known() is parameter:
            raise UserError(
                f"a recipe trains {name} already: call attach once, or finish() before the next"
            )
    _CLAIMED.update({id(own): weakref.ref(own) for own in parameters.values()})
    if optimizer in _REFUSALS:
        _REFUSALS.pop(optimizer).remove()


def release(parameters: Iterable[nn.Parameter], optimizer: torch.optim.Optimizer) -> None:
    """Record that the weights are finished; their optimiser refuses further steps."""
    for parameter in parameters:
        _CLAIMED.pop(id(parameter), None)
    _REFUSALS[optimizer] = optimizer.register_step_pre_hook(_refuse)


def _refuse(*_: Any) -> None:
    raise UserError(
        "the training is finished: a step would fill pruned weights again; make a new optimiser to "
        "train the model densely, or call attach again"
    )


def identity_of(sparsifier: Sparsifier) -> dict[str, str]:
    """Return what a state belongs to: it is of no use to anything else."""
    sharded = any(is_sharded(parameter) for parameter in sparsifier.effective.values())
    return {
        "recipe": repr(sparsifier.recipe),
        "total_steps": str(sparsifier.total_steps),
        "patterns": ", ".join(f"{layer.name} {layer.pattern}" for layer in sparsifier.layers),
        "process": f"{dist.get_rank()} of {dist.get_world_size()}" if sharded else "any",
    }


def check_identity(found: Mapping[str, str], own: Mapping[str, str]) -> None:
    """Check that a state is of the same recipe, patterns, length and process.

    Raises:
        UserError: the first that differs.
    """
    for what, value in own.items():
        if found.get(what, value) != value:
            raise UserError(
                f"the state is of another training; {what.replace('_', ' ')} in it: "
                f"{found[what][:200]}; here: {value[:200]}"
            )


class LoadHook:
    """Calls a method after weights were loaded; copies and pickles of a model call nothing."""

    def __init__(self, method: Callable[[], None] | None = None) -> None:
        self._method = None if method is None else weakref.WeakMethod(method)

    def __call__(self, *_: Any) -> None:
        method = self._method() if self._method else None
        if method is not None:
            method()

    def __reduce__(self) -> tuple[type["LoadHook"], tuple[()]]:
        return LoadHook, ()
