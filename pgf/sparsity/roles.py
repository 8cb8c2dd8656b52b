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

from torch import nn

NO_RULE = "no rule names it"
"""Reason for a dense layer that no rule below covers."""

STAYS_DENSE = re.compile(
    r"(^|\.)(heads?|heads?_dist|aux_head|classif(ier)?|pre_logits|last_linear|lm_head|score|pooler|"
    r"attn_pool|aligner|merger|msfa|fc|fc_norm|embed\w*|\w*embed(s|dings?)?\d*(?!\.backbone\.)|"
    r"\w*pos_embd?|shared|stem\w*|body\.conv1|relative_attention_bias|cpb_mlp|meta_mlp|"
    r"\w*rel_pos\w*|\w+_tokens|talking_head\d*)(\.|$)"
)
"""Modules that stay dense unless named by the user; `body.conv1` is TResNet's stem."""

GATES = frozenset(
    {
        *("SEModule", "SqueezeExcite", "EffectiveSEModule", "EseModule", "GatherExcite"),
        *("GlobalContext", "CbamModule", "LightCbamModule", "CoordAttn", "SimpleCoordAttn"),
        *("EfficientLocalAttn", "StripAttn", "SelectiveKernelAttn", "SpatialAttention"),
        *("BatNonLocalAttn", "NonLocalAttn", "SpatialGatingUnit"),
    }
)
"""Classes that weigh channels, places or tokens; they stay dense."""
GATE = "gate"

IMAGE_CHANNELS = 3
"""Convolutions with no more input channels read the image itself and stay dense."""

_WRAPPED = re.compile(r"(\.(conv|linear|c|ln))+$")
"""Names of the layer inside timm's convolution or linear layer with a norm."""

_FUSED = {
    ("Q", "K", "V"): re.compile(r"(^|\.)(qkv|c_attn|Wqkv)$"),
    ("Q", "K"): re.compile(r"(^|\.)qk$"),
    ("K", "V"): re.compile(r"(^|\.)(kv|kv_proj)$"),
}
_ATTENTION = r"(attn|attention|self_attn|encoder_attn|SelfAttention|EncDecAttention|crossattention)"
_OUTPUT_NAME = r"(proj|o|out_proj|o_proj|c_proj|out_lin|wo|dense)"
_SINGLE = {
    "Q": re.compile(r"(^|\.)(q|q_proj|query|q_lin|to_q|to_query|wq)(\.proj)?$"),
    "K": re.compile(r"(^|\.)(k|k_proj|key|k_lin|to_k|to_key|wk)(\.proj)?$"),
    "V": re.compile(r"(^|\.)(v|v_proj|value|v_lin|to_v|wv)(\.proj)?$"),
    "O": re.compile(
        rf"(^|\.)({_ATTENTION}\.({_OUTPUT_NAME}|output\.dense|output\.proj)|attn_out_proj)$"
    ),
    "FF": re.compile(
        r"(^|\.)((mlp\d*|ffn\d*|ff|feed_forward|DenseReluDense)\..+|fc1|fc2|lin1|lin2|"
        r"mlp_out_proj|intermediate\.dense|output\.dense)$"
    ),
}
_POINTWISE = re.compile(r"(^|\.)pwconv[12]$")
"""ConvNeXt's MLP where it is of `Linear`; as convolutions, several models use it to mix tokens."""
_INPUT = re.compile(
    r"(qkvs?|qk|kv|q|k|v|qkv_proj|(q|k|v)_proj|query|key|value|w(q|k|v)|v_gate|pwise)"
)
_OUTPUT = re.compile(rf"{_OUTPUT_NAME}(\.\d+)?")
_FEED_FORWARD_CLASS = re.compile(r"FFN|\w*Mlp")

_HEADS = "its rows alternate between Q, K and V, head by head"
_UNEQUAL = "its rows are not equal blocks of Q, K and V"
_WITH_MLP = "rows or columns of the MLP and of the attention are together in it"
_QKV, _PARALLEL = ("Q", "K", "V"), "vision_transformer.ParallelScalingBlock"
_DIFF_PARALLEL = "vision_transformer.DiffParallelScalingBlock"
_MISLEADING: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("tiny_vit.Attention", "qkv", _QKV, _HEADS),
    ("levit.Attention", "qkv", _QKV, _HEADS),
    ("levit.AttentionDownsample", "kv", ("K", "V"), _HEADS),
    ("efficientformer.Attention", "qkv", _QKV, _HEADS),
    ("efficientvit_mit.LiteMLA", "qkv", _QKV, _HEADS),
    ("lowformer.ConvAttention", "pwise", _QKV, _HEADS),
    ("cpubone.ConvAttention", "pwise", _QKV, _HEADS),
    (
        "cpubone.ConvAttention",
        r"upsampling\.\d+",
        ("O",),
        "the projection is a part of an upsampling",
    ),
    ("lambda_layer.LambdaLayer", "qkv", _QKV, _UNEQUAL),
    ("halo_attn.HaloAttn", "kv", ("K", "V"), _HEADS),
    ("efficientvit_msra.CascadedGroupAttention", r"qkvs\.\d+", _QKV, _UNEQUAL),
    ("mobilevit.LinearSelfAttention", "qkv_proj", _QKV, _UNEQUAL),
    ("iformer.SHMA", "v_gate", ("V",), "half of its rows are a gate on V"),
    (
        "swiftformer.EfficientAdditiveAttention",
        "proj|final",
        ("O",),
        "two projections in a row follow the attention",
    ),
    (_PARALLEL, "in_proj", ("FF", *_QKV), _WITH_MLP),
    (_DIFF_PARALLEL, "in_proj", ("FF", *_QKV), _WITH_MLP),
    (_DIFF_PARALLEL, "out_proj", ("FF", "O"), _WITH_MLP),
    ("split_attn.SplitAttn", r"fc\d", (), GATE),
)
"""Layers that name and size mislead about: class of the owner, name in it, roles, why untold."""

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
    if STAYS_DENSE.search(name):
        return (), "head, embedding, stem or the like"
    if any(type(modules[owner]).__name__ in GATES for owner in _paths(name)):
        return (), GATE
    owners = _owners(name, modules)
    known = _misleading(owners)
    if known is not None:
        return known
    if not isinstance(module, nn.Conv2d) or module.kernel_size == (1, 1):
        for roles, expression in _FUSED.items():
            if expression.search(_plain(name)):
                if getattr(owners[0][0] if owners else None, "use_global", False):
                    roles = ("K", "V")  # GC ViT: the queries of such a block come from outside
                return roles, why_not_cut(name, modules, roles) or _not_sure(name, modules)
        role = _single(_plain(name), owners)
        if role:
            return (role,), ""
        if _POINTWISE.search(name) and not isinstance(module, nn.Conv2d):
            return ("FF",), ""
    return (("CONV",), "") if isinstance(module, nn.Conv2d) else ((), NO_RULE)


def _plain(name: str) -> str:
    return _WRAPPED.sub("", name)


def _paths(name: str) -> list[str]:
    """Return the names of what a module stands in, innermost first, without the whole model."""
    parts = name.split(".")
    return [".".join(parts[:cut]) for cut in range(len(parts) - 1, 0, -1)]


_Owners = list[tuple[nn.Module, str]]


def _owners(name: str, modules: Mapping[str, nn.Module]) -> _Owners:
    """Return what a layer stands in, innermost first, each with the layer's plain name in it."""
    plain = _plain(name)
    return [(modules[path], plain[len(path) + 1 :]) for path in _paths(plain)]


def _misleading(owners: _Owners) -> Verdict | None:
    for owner, inner in owners:
        classes = {f"{c.__module__.rpartition('.')[2]}.{c.__name__}" for c in type(owner).__mro__}
        for owner_class, expression, roles, reason in _MISLEADING:
            if owner_class in classes and re.fullmatch(expression, inner):
                return roles, reason
    return None


def _single(plain: str, owners: _Owners) -> str:
    """Return the role of a weight of one role, or nothing."""
    for role, expression in _SINGLE.items():
        if expression.search(plain):
            return role
    for owner, inner in owners:
        beside = any(_INPUT.fullmatch(child) for child, _ in owner.named_children())
        if beside and _OUTPUT.fullmatch(inner):
            return "O"
        if _FEED_FORWARD_CLASS.fullmatch(type(owner).__name__):
            return "FF"
    return ""


def why_not_cut(name: str, modules: Mapping[str, nn.Module], roles: tuple[str, ...]) -> str:
    """Return why a weight's rows are not equal blocks of these roles; nothing where they are."""
    module, owners = modules[name], _owners(name, modules)
    rows = sizes(module)[0]
    known = _misleading(owners)
    if known is not None:
        return known[1]
    if rows % len(roles):
        return _UNEQUAL
    owner = owners[0][0] if owners else nn.Identity()
    if getattr(owner, "head_first", False):  # CoAtNet
        return _HEADS
    if "V" not in roles:
        return ""
    values = _rows_of_values(owner)
    return _UNEQUAL if values and values != {rows // len(roles)} else ""


def _rows_of_values(owner: nn.Module) -> set[int]:
    """Return how many values an attention makes: as many as its output projection has inputs."""
    outputs = [m for child, m in owner.named_modules() if _OUTPUT.fullmatch(_plain(child))]
    values = {sizes(m)[1] for m in outputs if is_layer(m)}
    own = getattr(owner, "dim_out_v", None)  # BoTNet has no projection
    return values or ({own} if isinstance(own, int) else set())


def _not_sure(name: str, modules: Mapping[str, nn.Module]) -> str:
    owners = _owners(name, modules)
    if isinstance(modules[name], nn.Conv2d) and not (owners and _rows_of_values(owners[0][0])):
        return "nothing beside it says how many of its rows are V"
    return ""
