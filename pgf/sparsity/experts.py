"""Experts of a mixture: one parameter (experts, rows, columns) in place of many linear layers."""

import re

from torch import nn

from pgf.sparsity.roles import Verdict

EXPERTS = re.compile(r"\w*Experts")
"""Class names, as transformers writes them."""
EXPERT_AXES = 3
_KNOWN = {"Llama4TextExperts": True, "JetMoeParallelExperts": False, "InklingSharedExperts": False}
"""Class -> True if the input axis comes first; of classes that do not say `is_transposed`."""
_ATTENTION = re.compile(r"(^|\.)(self_)?att(ention|n)\.")


def are_experts(module: nn.Module) -> bool:
    """Return whether a module holds the weights of a mixture's experts."""
    return EXPERTS.fullmatch(type(module).__name__) is not None


def expert_weights(module: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the experts' weights by their names in the module; biases are not among them."""
    return [
        (name, own)
        for name, own in module.named_parameters(recurse=False)
        if own.dim() == EXPERT_AXES and own.is_floating_point()
    ]


def have_inputs_first(module: nn.Module) -> bool:
    """Return whether experts are (experts, in, out), as transformers' `is_transposed` says."""
    return are_experts(module) and bool(_axis_order(module))


def _axis_order(module: nn.Module) -> bool | None:
    own = getattr(module, "is_transposed", None)
    return own if isinstance(own, bool) else _KNOWN.get(type(module).__name__)


def read_expert_roles(name: str, module: nn.Module) -> Verdict:
    """Return the role of experts: FF, but for those that stand in an attention."""
    if _ATTENTION.search(name):
        return (), "experts of an attention"
    if _axis_order(module) is None:
        return ("FF",), f"{type(module).__name__} does not say along which axis its inputs run"
    return ("FF",), ""
