"""Roles of a model's layers, read off their names and their neighbours.

Roles are read off module names as timm and transformers write them, and off what stands beside a
module. A 1x1 convolution is read like a `Linear`; every other `Conv2d`, and a 1x1 one that no name
tells, is CONV. Dense stay heads, embeddings, stems, norms, position-bias MLPs, squeeze-excite and
other gates, convolutions that read the image, depthwise ones (one input per group leaves nothing to
choose from), weights in two places, and what no rule names (patch merging, for one).

MLPs along tokens (Mixer, gMLP, ResMLP) stay dense too: they stand where attention stands, and their
groups would run along patches. A fused weight is cut into Q, K and V where its rows are known to be
equal blocks of these; where they are not, or may not be, a target with these roles is refused.
"""

import re
import sys
from collections.abc import Mapping
from typing import Any, cast

from torch import nn

from pgf.sparsity import names
from pgf.sparsity.misleading import BY_CONFIG, GATE, GATES, HEADS, MISLEADING, UNEQUAL, UNKNOWN

NO_RULE = "no rule names it"
"""Reason for a dense layer that no rule below covers."""

IMAGE_CHANNELS = 3
"""Convolutions with no more input channels read the image itself and stay dense."""

Verdict = tuple[tuple[str, ...], str]
"""Roles of a layer's blocks of rows, and why they cannot be pruned: empty where they can."""


def is_conv1d(module: nn.Module) -> bool:
    """Return whether a module is transformers' Conv1D, whose weight is (in, out).

    Asked without importing transformers, which takes seconds: what was never imported has no
    instances.
    """
    pytorch_utils = sys.modules.get("transformers.pytorch_utils")
    return pytorch_utils is not None and isinstance(module, pytorch_utils.Conv1D)


def is_layer(module: nn.Module) -> bool:
    """Return whether a module is of a kind that can be pruned."""
    return isinstance(module, nn.Linear | nn.Conv2d) or is_conv1d(module)


def sizes(module: nn.Module) -> tuple[int, int]:
    """Return the rows of a layer's weight, and the length of the axis along which groups run."""
    rows, width = module.get_parameter("weight").shape[:2]
    return (width, rows) if is_conv1d(module) else (rows, width)


def read_roles(name: str, modules: Mapping[str, nn.Module]) -> Verdict:
    """Return the roles of a layer by the rules of this module.

    Args:
        name: the layer's name in the model.
        modules: `named_modules` of the model.
    """
    module = modules[name]
    if isinstance(module, nn.Conv2d) and module.in_channels <= IMAGE_CHANNELS:
        return (), "reads the image"
    if names.STAYS_DENSE.search(name):
        return (), "head, embedding, stem or the like"
    if any(GATES.fullmatch(type(modules[owner]).__name__) for owner in _paths(name)):
        return (), GATE
    if _is_router(name, modules):
        return (), "chooses experts"
    owners = _owners(name, modules)
    known = _known_class(owners)
    if known is not None:
        return known
    for roles, expression in names.LOW_RANK.items():
        if expression.search(name):
            return roles, "one of two steps of a low-rank projection"
    if not isinstance(module, nn.Conv2d) or module.kernel_size == (1, 1):
        for roles, expression in names.FUSED.items():
            if expression.search(_plain(name)):
                if getattr(owners[0][0] if owners else None, "use_global", False):
                    roles = ("K", "V")  # GC ViT: the queries of such a block come from outside
                return roles, why_not_cut(name, modules, roles) or _not_sure(name, modules)
        role = _single(_plain(name), owners)
        if role:
            return (role,), ""
        if names.POINTWISE.search(name) and not isinstance(module, nn.Conv2d):
            return ("FF",), ""
    return (("CONV",), "") if isinstance(module, nn.Conv2d) else ((), NO_RULE)


def _plain(name: str) -> str:
    return names.WRAPPED.sub("", name)


def _paths(name: str) -> list[str]:
    """Return the names of what a module stands in, innermost first, without the whole model."""
    parts = name.split(".")
    return [".".join(parts[:cut]) for cut in range(len(parts) - 1, 0, -1)]


_Owners = list[tuple[nn.Module, str]]


def _owners(name: str, modules: Mapping[str, nn.Module]) -> _Owners:
    """Return what a layer stands in, innermost first, each with the layer's plain name in it."""
    plain = _plain(name)
    return [(modules[path], plain[len(path) + 1 :]) for path in _paths(plain)]


def _known_class(owners: _Owners) -> Verdict | None:
    for owner, inner in owners:
        classes = {f"{c.__module__.rpartition('.')[2]}.{c.__name__}" for c in type(owner).__mro__}
        for owner_class, expression, roles, reason in MISLEADING:
            if owner_class in classes and re.fullmatch(expression, inner):
                return roles, reason
    return None


def _is_router(name: str, modules: Mapping[str, nn.Module]) -> bool:
    """Return whether a layer is, or stands in, what chooses experts: a `gate` beside them."""
    for path in (name, *_paths(name)):
        parent, _, own = path.rpartition(".")
        if own == names.ROUTER and parent in modules:
            beside = (child for child, _ in modules[parent].named_children())
            if any(names.EXPERTS.fullmatch(child) for child in beside):
                return True
    return False


def _single(plain: str, owners: _Owners) -> str:
    """Return the role of a weight of one role, or nothing."""
    if names.FEED_FORWARD.search(plain):  # RWKV calls layers of it key and value
        return "FF"
    for role, expression in names.SINGLE.items():
        if expression.search(plain):
            return role
    for owner, inner in owners:
        beside = any(names.INPUT.fullmatch(child) for child, _ in owner.named_children())
        if beside and names.OUTPUT.fullmatch(inner):
            return "O"
        if names.TORCH_FEED_FORWARD.fullmatch(inner) and hasattr(owner, "self_attn"):
            return "FF"
        if names.FEED_FORWARD_CLASS.fullmatch(type(owner).__name__):
            return "FF"
    return ""


def why_not_cut(name: str, modules: Mapping[str, nn.Module], roles: tuple[str, ...]) -> str:
    """Return why a weight's rows cannot be told by these roles; nothing where they can."""
    module, owners = modules[name], _owners(name, modules)
    rows = sizes(module)[0]
    known = _known_class(owners)
    if known is not None:
        return known[1]
    owner = owners[0][0] if owners else nn.Identity()
    if type(owner).__name__ in BY_CONFIG:
        return "" if sum(_by_config(owner)) == rows else HEADS
    if names.MAYBE_UNEQUAL.search(name):
        return UNKNOWN
    if rows % len(roles):
        return UNEQUAL
    if getattr(owner, "head_first", False):  # CoAtNet
        return HEADS
    if "V" not in roles:
        return ""
    values = _rows_of_values(owner)
    return UNEQUAL if values and values != {rows // len(roles)} else ""


def rows_of_roles(
    name: str, modules: Mapping[str, nn.Module], roles: tuple[str, ...]
) -> tuple[int, ...]:
    """Return how many rows of a weight each of its roles has, in their order."""
    owners = _owners(name, modules)
    if len(roles) > 1 and owners and type(owners[0][0]).__name__ in BY_CONFIG:
        return _by_config(owners[0][0])
    return (sizes(modules[name])[0] // len(roles),) * len(roles)


def _by_config(owner: nn.Module) -> tuple[int, ...]:
    config: Any = owner.config
    heads, size = int(config.num_attention_heads), int(cast(Any, owner).head_dim)
    if hasattr(config, "multi_query"):  # GPT-BigCode; without it rows alternate by head
        keys = 1 if config.multi_query else 0
    else:
        keys = int(config.num_key_value_heads)
    return heads * size, keys * size, keys * size


def _rows_of_values(owner: nn.Module) -> set[int]:
    """Return how many values an attention makes: as many as its output projection has inputs."""
    outputs = [m for child, m in owner.named_modules() if names.OUTPUT.fullmatch(_plain(child))]
    values = {sizes(m)[1] for m in outputs if is_layer(m)}
    own = getattr(owner, "dim_out_v", None)  # BoTNet has no projection
    return values or ({own} if isinstance(own, int) else set())


def _not_sure(name: str, modules: Mapping[str, nn.Module]) -> str:
    owners = _owners(name, modules)
    if isinstance(modules[name], nn.Conv2d) and not (owners and _rows_of_values(owners[0][0])):
        return "nothing beside it says how many of its rows are V"
    return ""
