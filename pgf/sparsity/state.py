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


def load_state(layers: Iterable[SparseLayer], state: Mapping[str, Any]) -> None:
    """Load what `state_of` returned, onto the layers' own devices."""
    for layer in layers:
        layer.fixed.clear()
        layer.fixed.update(state["fixed"][layer.name])
        device = layer.master.device
        layer.memory = {k: v.to(device) for k, v in state["memory"][layer.name].items()}
        if layer.score_parameter is not None:
            layer.score_parameter.data.copy_(state["scores"][layer.name])
