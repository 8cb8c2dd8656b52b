"""Reports on a model: the layers that a target prunes, before and after training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from pgf.recipes import NMPattern, Target
from pgf.sparsity.layer_listing import dense_lines, fit_line, role_lines
from pgf.sparsity.layers import ModelLayers, read_layers
from pgf.sparsity.sparse_layer import SparseLayer


@dataclass(frozen=True)
class Inspection:
    """A model's layers by role, and whether targets fit them; printed, it is a list in words."""

    layers: ModelLayers
    targets: tuple[Target, ...] = ()

    def __str__(self) -> str:
        fits = [fit_line(self.layers, target) for target in self.targets]
        return "\n".join([*role_lines(self.layers), *dense_lines(self.layers), *fits])


def inspect(
    model: nn.Module,
    *,
    target: Target | str | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Inspection:
    """Return which layers of a model a target would prune, and what stays dense and why.

    Args:
        model: any model; on the meta device, too.
        target: as `1:16(FF)`; None for the layers alone.
        groups: layer groups by name patterns, in place of the built-in rules.

    Raises:
        UserError: the target or the groups cannot be read.

    >>> import torch, pgf
    >>> layers = {"fc1": torch.nn.Linear(16, 32), "head": torch.nn.Linear(32, 4)}
    >>> model = torch.nn.ModuleDict(layers)
    >>> print(pgf.inspect(model, target="1:4(FF)"))
    FF      1 layer: 1 with 16 inputs (fc1)
    dense, head, embedding, stem or the like: 1 x Linear head
    1:4 (FF): 1:4 fits 1 of 1 FF layers
    """
    own = Target.parse(target) if isinstance(target, str) else target
    return Inspection(read_layers(model, groups), () if own is None else (own,))


@dataclass(frozen=True)
class LayerReport:
    """One pruned layer, its weights as they are in the model now."""

    name: str
    role: str
    pattern: NMPattern
    width: int
    """Length of the axis along which groups run."""
    weights: int
    zeros: int
    is_strict: bool
    """True if no group of M holds more than N weights other than 0."""


@dataclass(frozen=True)
class Report:
    """The layers that a recipe prunes; printed, it is a table, and what stays dense."""

    layers: tuple[LayerReport, ...]
    dense: tuple[str, ...]
    warning: str = ""
    """A fault of the training as a whole, in words."""

    @property
    def is_strict(self) -> bool:
        """True if all layers have their target's pattern."""
        return all(layer.is_strict for layer in self.layers)

    def __str__(self) -> str:
        longest = max((len(layer.name) for layer in self.layers), default=0)
        lines = [
            f"{layer.name:<{longest}}  {layer.role:<4}  {layer.pattern!s:>6} of {layer.width:<6} "
            f"{layer.zeros:,} of {layer.weights:,} weights are 0"
            f"{'' if layer.is_strict else '; not at its pattern yet'}"
            for layer in self.layers
        ]
        return "\n".join([*lines, *self.dense, *([self.warning] if self.warning else [])])


def report_of(layers: Sequence[SparseLayer], others: ModelLayers, *, warning: str = "") -> Report:
    """Return a report on sparse layers, and on the layers beside them."""
    return Report(tuple(_row(layer) for layer in layers), tuple(dense_lines(others)), warning)


def length_warning(done: int, planned: int, *, phase: str) -> str:
    """Return how the steps done differ from those that the schedule was made for; "" if not.

    Args:
        done: optimiser steps.
        planned: `total_steps`.
        phase: name of the last step's.
    """
    if done > planned:
        return (
            f"{done:,} steps were done with total_steps={planned:,}: the schedule ended "
            f"{done - planned:,} steps before the training"
        )
    if done < planned:
        return (
            f"{done:,} optimiser steps were done with total_steps={planned:,}: the last phase was "
            f"{phase}, and finish() pruned at once what was left to the schedule"
        )
    return ""


def _row(layer: SparseLayer) -> LayerReport:
    weight, pattern = layer.effective, layer.pattern
    nonzero = (weight != 0).unflatten(-1, (-1, pattern.m)).sum(dim=-1)
    return LayerReport(
        name=layer.name,
        role=layer.block.role,
        pattern=pattern,
        width=layer.block.width,
        weights=weight.numel(),
        zeros=weight.numel() - int(nonzero.sum()),
        is_strict=bool((nonzero <= pattern.n).all()),
    )
