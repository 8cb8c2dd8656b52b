"""The prunable weights of a model; `roles` says which role each plays."""

import re
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from pgf.errors import UserError, nearest
from pgf.recipes import GROUPS
from pgf.sparsity.experts import (
    are_experts,
    expert_weights,
    have_inputs_first,
    read_expert_roles,
)
from pgf.sparsity.roles import (
    Verdict,
    is_conv1d,
    is_layer,
    read_roles,
    rows_of_roles,
    sizes,
    why_not_cut,
)


@dataclass(frozen=True)
class PrunableWeight:
    """A block of output rows of one module's weight, all of one role."""

    name: str
    """The module's name; a block of a fused one has its role behind, as `attn.qkv[Q]`."""
    module_name: str
    role: str
    module: nn.Module
    first_row: int
    end_row: int
    width: int
    """Length of the axis along which groups run."""
    parameter_name: str = "weight"
    """Name of the parameter in the module; experts have others."""

    @property
    def weight(self) -> nn.Parameter:
        """The whole parameter that the block is a part of."""
        return self.module.get_parameter(self.parameter_name)

    @property
    def weight_name(self) -> str:
        """The parameter's name in the model."""
        return f"{self.module_name}.{self.parameter_name}"

    def view(self, weight: Tensor) -> Tensor:
        """Return the block's part of a tensor shaped as the weight, the input axis last.

        `Linear` is (out, in), transformers' `Conv1D` (in, out), `Conv2d` (out, in, height, width)
        with groups along the input channels; experts are (experts, out, in) or (experts, in, out),
        each expert a row. The result shares the tensor's memory.
        """
        if is_conv1d(self.module):
            weight = weight.t()
        elif isinstance(self.module, nn.Conv2d):
            weight = weight.permute(0, 2, 3, 1)
        elif have_inputs_first(self.module):
            weight = weight.transpose(1, 2)
        return weight[self.first_row : self.end_row]

    @property
    def shape(self) -> torch.Size:
        """Shape of the block's view, groups along the last axis."""
        return self.view(torch.empty(self.weight.shape, device="meta")).shape


@dataclass(frozen=True)
class OtherLayer:
    """A layer that no target prunes."""

    name: str
    module: nn.Module
    width: int
    reason: str
    roles: tuple[str, ...] = ()
    """Roles that it carries in parts that cannot be told; a target with one of them is refused."""


@dataclass(frozen=True)
class ModelLayers:
    """Every `Linear`, `Conv2d` and `Conv1D` of a model, and the weights of its experts.

    Each is on one side, in the model's order.
    """

    prunable: list[PrunableWeight]
    others: list[OtherLayer]


def find_layers(
    model: nn.Module, groups: Mapping[str, Sequence[str]] | None = None
) -> list[PrunableWeight]:
    """Return the prunable weights of a model, in its own order; arguments as for `read_layers`."""
    return read_layers(model, groups).prunable


def read_layers(
    model: nn.Module,
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    owned: Container[int] | None = None,
) -> ModelLayers:
    """Return all layers of a model with their roles, or with the reason why they stay dense.

    Args:
        model: any model of `Linear`, `Conv2d` and `Conv1D` modules.
        groups: role -> regular expressions on module names, in place of the rules of `roles`.
        owned: ids of the parameters that an optimiser owns; weights of others stay dense.

    Raises:
        UserError: `groups` cannot be read, or name a weight that is not made of equal blocks.
    """
    check_groups(groups or {})
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    modules = dict(model.named_modules())
    layers = ModelLayers([], [])
    for name, module in modules.items():
        if are_experts(module):
            _read_experts(name, module, layers, owned=owned, groups=groups)
        if not is_layer(module):
            continue
        weight = module._parameters.get("weight")
        if weight is None or not weight.is_floating_point():
            reason = "its weight is parametrized, packed or quantized"
            layers.others.append(OtherLayer(name, module, 0, reason))
            continue
        width = sizes(module)[1]
        roles: tuple[str, ...] = ()
        if reason := _why_untrained(weight, owned):
            pass
        elif uses[id(weight)] > 1:
            reason = "weights in two places"
        elif width == 1:
            reason = "one input per group"
        else:
            roles, reason = _given(name, modules, groups) if groups else read_roles(name, modules)
        if reason:
            layers.others.append(OtherLayer(name, module, width, reason, roles))
        else:
            layers.prunable.extend(_blocks(name, modules, roles))
    return layers


def _why_untrained(weight: nn.Parameter, owned: Container[int] | None) -> str:
    if not weight.requires_grad:
        return "frozen"
    if owned is not None and id(weight) not in owned:
        return "the optimiser does not own its weight"
    return ""


def _read_experts(
    name: str,
    module: nn.Module,
    layers: ModelLayers,
    *,
    owned: Container[int] | None,
    groups: Mapping[str, Sequence[str]] | None,
) -> None:
    for own, weight in expert_weights(module):
        full, width = f"{name}.{own}", weight.shape[1 if have_inputs_first(module) else 2]
        roles, reason = read_expert_roles(name, module)
        if groups:
            roles, reason = _given_role(full, groups)
        reason = _why_untrained(weight, owned) or reason
        if reason:
            layers.others.append(OtherLayer(full, module, width, reason, roles))
        else:
            layers.prunable.append(
                PrunableWeight(full, name, roles[0], module, 0, weight.shape[0], width, own)
            )


def _given_role(name: str, groups: Mapping[str, Sequence[str]]) -> Verdict:
    for group, expressions in groups.items():
        if any(re.search(expression, name) for expression in expressions):
            if len(GROUPS[group]) > 1:
                raise UserError(
                    f"groups: {group}: {name} cannot be cut into {', '.join(GROUPS[group])}"
                )
            return GROUPS[group], ""
    return (), "not in the groups that the task names"


def check_groups(groups: Mapping[str, Sequence[str]]) -> None:
    """Check that layer groups are known and their expressions can be read.

    Raises:
        UserError: the first one that is not.
    """
    for group, expressions in groups.items():
        if group not in GROUPS:
            raise UserError(f"groups: unknown layer group '{group}': {nearest(group, GROUPS)}")
        for expression in expressions:
            try:
                re.compile(expression)
            except re.error as error:
                raise UserError(f"groups: {group}: '{expression}': {error}") from error


def _given(
    name: str, modules: Mapping[str, nn.Module], groups: Mapping[str, Sequence[str]]
) -> Verdict:
    for group, expressions in groups.items():
        if any(re.search(expression, name) for expression in expressions):
            roles = GROUPS[group]
            problem = why_not_cut(name, modules, roles) if len(roles) > 1 else ""
            if problem:
                raise UserError(
                    f"groups: {group}: {name} cannot be cut into {', '.join(roles)}: {problem}; "
                    f"a group of one role takes all of its rows"
                )
            return roles, ""
    return (), "not in the groups that the task names"


def _blocks(
    name: str, modules: Mapping[str, nn.Module], roles: tuple[str, ...]
) -> list[PrunableWeight]:
    """Cut a weight into blocks of rows, one for each of its roles."""
    module = modules[name]
    ends = list(accumulate(rows_of_roles(name, modules, roles)))
    return [
        PrunableWeight(
            name=name if len(roles) == 1 else f"{name}[{role}]",
            module_name=name,
            role=role,
            module=module,
            first_row=first,
            end_row=end,
            width=sizes(module)[1],
        )
        for role, first, end in zip(roles, [0, *ends], ends, strict=False)
    ]
