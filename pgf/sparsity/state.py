"""The state of layers beside their masters, for checkpoints."""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from pgf.errors import UserError
from pgf.sparsity.sparse_layer import SparseLayer


def state_of(layers: Iterable[SparseLayer]) -> dict[str, Any]:
    """Return the layers' fixed masks, scores, and what the recipe keeps in their memory.

    Raises:
        UserError: the recipe keeps something else than a tensor.
    """
    layers = list(layers)
    for layer in layers:
        for key, value in layer.memory.items():
            if not isinstance(value, Tensor):
                raise UserError(
                    f"{type(layer.recipe).__name__} keeps a {type(value).__name__} in the memory "
                    f"of {layer.name}, as '{key}': it must be a tensor"
                )
    scores = {layer.name: layer.score_parameter for layer in layers}
    return {
        "fixed": {layer.name: dict(layer.fixed) for layer in layers},
        "memory": {layer.name: dict(layer.memory) for layer in layers},
        "scores": {name: own.detach() for name, own in scores.items() if own is not None},
    }


def check_state(layers: Iterable[SparseLayer], state: Mapping[str, Any]) -> None:
    """Check that a state is of these layers and their recipe.

    Raises:
        UserError: it is not; nothing is loaded.
    """
    layers = list(layers)
    names = [layer.name for layer in layers]
    scored = [layer.name for layer in layers if layer.score_parameter is not None]
    parts = {
        "masters": ([layer.weight_name for layer in layers], "weights"),
        "fixed": (names, "layers"),
        "memory": (names, "layers"),
        "scores": (scored, "layers with scores"),
    }
    for part, (own, what) in parts.items():
        found = state.get(part)
        if not isinstance(found, Mapping):
            raise UserError(f"this is no state that state_dict() returned: it has no '{part}'")
        if odd := sorted(set(own) ^ set(found)):
            where = "the state has and the model has not" if odd[0] in found else "is not in it"
            raise UserError(
                f"the state is of other {what} than target and recipe give here: {odd[0]} {where}"
                f"{f', and {len(odd) - 1} more differ' if len(odd) > 1 else ''}"
            )
    for layer in layers:
        shape, found = layer.master.shape, state["masters"][layer.weight_name].shape
        if shape != found:
            raise UserError(
                f"the state is of another model: {layer.weight_name} is {tuple(found)} in it and "
                f"{tuple(shape)} here"
            )


def load_state(layers: Iterable[SparseLayer], state: Mapping[str, Any]) -> None:
    """Load what `state_of` returned, onto the layers' own devices."""
    for layer in layers:
        layer.fixed.clear()
        layer.fixed.update(state["fixed"][layer.name])
        device = layer.master.device
        layer.memory = {k: v.to(device) for k, v in state["memory"][layer.name].items()}
        if layer.score_parameter is not None:
            layer.score_parameter.data.copy_(state["scores"][layer.name])
