"""Rows of the survey: the layer groups that the rules tell in one model."""

from collections import Counter
from dataclasses import dataclass, field

from torch import nn

from pgf.recipes import ROLES
from pgf.sparsity import NO_RULE, alike, name_pattern, read_layers

STATUSES = {
    "told": "every group that it has is told",
    "partly": "some groups are told, a target with one of the others is refused",
    "refused": "no group is told; layers have to be named",
    "not built": "its library cannot build it here",
}


@dataclass(frozen=True)
class SurveyedModel:
    """The layer groups of one model."""

    library: str
    family: str
    model: str
    parameters: int = 0
    layers: dict[str, int] = field(default_factory=dict)
    """Role -> number of layers."""
    widths: dict[str, list[int]] = field(default_factory=dict)
    """Role -> its distinct numbers of inputs, ascending."""
    refusals: tuple[tuple[str, str], ...] = ()
    """Roles that cannot be told, such as `Q, K, V`, and why, in words."""
    unnamed: tuple[str, ...] = ()
    """Layers that no rule names: class, and name with `*` for numbers."""
    error: str = ""
    """Reason why the model cannot be built."""

    @property
    def status(self) -> str:
        """One of `STATUSES`."""
        if self.error:
            return "not built"
        if not self.layers:
            return "refused"
        return "partly" if self.refusals else "told"

    @property
    def reason(self) -> str:
        """Everything that is refused, in a line."""
        return self.error or "; ".join(f"{roles}: {reason}" for roles, reason in self.refusals)


def row_of(model: nn.Module, *, library: str, family: str, name: str) -> SurveyedModel:
    """Return the row of a model; it may lie on the meta device."""
    layers = read_layers(model)
    counts = Counter(layer.role for layer in layers.prunable)
    unnamed = alike(
        (name_pattern(other.module, other.name), 0, other.name)
        for other in layers.others
        if other.reason == NO_RULE
    )
    return SurveyedModel(
        library,
        family,
        name,
        sum(p.numel() for p in model.parameters()),
        {role: counts[role] for role in ROLES if counts[role]},
        {
            role: sorted({layer.width for layer in layers.prunable if layer.role == role})
            for role in ROLES
            if counts[role]
        },
        tuple(dict.fromkeys((", ".join(o.roles), o.reason) for o in layers.others if o.roles)),
        tuple(kind.label for kind in unnamed),
    )
