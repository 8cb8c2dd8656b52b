"""The layers of a model that a target prunes."""

from collections.abc import Container, Mapping, Sequence

from torch import nn

from pgf.errors import UserError
from pgf.recipes import NMPattern, Target
from pgf.sparsity.layer_listing import why_misfit
from pgf.sparsity.layers import PrunableWeight, read_layers


def select_layers(
    model: nn.Module,
    target: Target,
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    owned: Container[int] | None = None,
) -> list[tuple[PrunableWeight, NMPattern]]:
    """Return the weights that a target prunes, each with its pattern.

    Args:
        model: any model.
        target: layer groups with their patterns.
        groups: layer groups by name patterns, in place of the built-in rules.
        owned: ids of the parameters that an optimiser owns; weights of others stay dense.

    Raises:
        UserError: the model has no layer of a group, a group cannot be told from others, or M does
            not divide the input axis of all of its layers.
    """
    layers = read_layers(model, groups, owned=owned)
    problem = why_misfit(layers, target)
    if problem and owned is not None and not why_misfit(read_layers(model, groups), target):
        problem = (
            "the optimiser does not own the weights of all of its groups: give it the model's "
            "parameters, not those of a part"
        )
    if problem:
        raise UserError(f"target {target}: {problem}")
    chosen = [(layer, target.pattern_for(layer.role)) for layer in layers.prunable]
    return [(layer, pattern) for layer, pattern in chosen if pattern is not None]
