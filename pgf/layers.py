"""Which weights of a model can be pruned, and what role each plays.

Roles are read off module names as timm and transformers write them; `Conv2d` needs no name. What
no rule names stays dense (patch merging, for one), and so do embeddings, heads, norms,
position-bias MLPs and the first convolution.
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from pgf.errors import UserError, nearest
from pgf.patterns import GROUPS, NMPattern, Target

STAYS_DENSE = re.compile(
    r"(^|\.)(head|head_dist|classifier|lm_head|score|pooler|fc|fc_norm|embed\w*|\w*embed|"
    r"\w*embeddings?|shared|stem|relative_attention_bias|cpb_mlp|meta_mlp|\w*rel_pos\w*)(\.|$)"
)
"""Modules that stay dense unless named by the user."""

IMAGE_CHANNELS = 3
"""Convolutions with no more input channels read the image itself and stay dense."""

_FUSED = {
    "QKV": re.compile(r"(^|\.)(qkv|c_attn|in_proj|query_key_value|Wqkv)$"),
    "KV": re.compile(r"(^|\.)(kv|kv_proj)$"),
}
_ATTENTION = r"(attn|attention|self_attn|encoder_attn|SelfAttention|EncDecAttention|crossattention)"
_SINGLE = {
    "Q": re.compile(r"(^|\.)(q|q_proj|query|q_lin|to_q|wq)$"),
    "K": re.compile(r"(^|\.)(k|k_proj|key|k_lin|to_k|wk)$"),
    "V": re.compile(r"(^|\.)(v|v_proj|value|v_lin|to_v|wv)$"),
    "O": re.compile(
        rf"(^|\.){_ATTENTION}\.(proj|o|out_proj|o_proj|c_proj|out_lin|wo|dense|output\.dense)$"
    ),
    "FF": re.compile(
        r"(^|\.)((mlp|ffn|ff|feed_forward|DenseReluDense)\..+|fc1|fc2|lin1|lin2|"
        r"intermediate\.dense|output\.dense)$"
    ),
}


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

    def view(self, weight: Tensor) -> Tensor:
        """Return the block's part of a tensor shaped as the weight, the input axis last.

        `Linear` is (out, in), transformers' `Conv1D` (in, out), `Conv2d` (out, in, height, width)
        with groups along the input channels. The result shares the tensor's memory.
        """
        if is_conv1d(self.module):
            weight = weight.t()
        elif isinstance(self.module, nn.Conv2d):
            weight = weight.permute(0, 2, 3, 1)
        return weight[self.first_row : self.end_row]


def is_conv1d(module: nn.Module) -> bool:
    """Whether a module is transformers' Conv1D, whose weight is (in, out).

    Asked without importing transformers, which takes seconds: what was never imported has no
    instances.
    """
    pytorch_utils = sys.modules.get("transformers.pytorch_utils")
    return pytorch_utils is not None and isinstance(module, pytorch_utils.Conv1D)


def find_layers(
    model: nn.Module, groups: Mapping[str, Sequence[str]] | None = None
) -> list[PrunableWeight]:
    """Return the prunable weights of a model, in its own order.

    Args:
        model: any model of `Linear`, `Conv2d` and `Conv1D` modules.
        groups: role -> regular expressions on module names, in place of the rules above.
    """
    check_groups(groups or {})
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    found: list[PrunableWeight] = []
    for name, module in model.named_modules():
        if not (isinstance(module, nn.Linear | nn.Conv2d) or is_conv1d(module)):
            continue
        if uses[id(module.get_parameter("weight"))] > 1:
            continue
        roles = _roles_given(name, groups) if groups else _roles(name, module)
        found += _blocks(name, module, roles)
    return found


def _roles_given(name: str, groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    for group, expressions in groups.items():
        if any(re.search(expression, name) for expression in expressions):
            return GROUPS[group]
    return ()


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


def _roles(name: str, module: nn.Module) -> tuple[str, ...]:
    if STAYS_DENSE.search(name):
        return ()
    if isinstance(module, nn.Conv2d):
        return ("CONV",) if module.in_channels > IMAGE_CHANNELS else ()
    for roles, expression in _FUSED.items():
        if expression.search(name):
            return tuple(roles)
    return next(((role,) for role, e in _SINGLE.items() if e.search(name)), ())


def _blocks(name: str, module: nn.Module, roles: tuple[str, ...]) -> list[PrunableWeight]:
    """Cut a weight into as many equal blocks of rows as it has roles."""
    weight = module.get_parameter("weight")
    rows, width = weight.shape[:2]
    if is_conv1d(module):
        rows, width = width, rows
    if not roles or rows % len(roles) or width == 1:
        return []
    size = rows // len(roles)
    return [
        PrunableWeight(
            name=name if len(roles) == 1 else f"{name}[{role}]",
            module_name=name,
            role=role,
            module=module,
            first_row=i * size,
            end_row=(i + 1) * size,
            width=width,
        )
        for i, role in enumerate(roles)
    ]


def select_layers(
    model: nn.Module, target: Target, groups: Mapping[str, Sequence[str]] | None = None
) -> list[tuple[PrunableWeight, NMPattern]]:
    """Return the weights that a target prunes, each with its pattern.

    Raises:
        UserError: the model has no layer of a group, or M does not divide a layer's input axis.
    """
    layers = find_layers(model, groups)
    counts = Counter(layer.role for layer in layers)
    for group, _ in target.parts:
        for role in GROUPS[group]:
            if not counts[role]:
                has = ", ".join(f"{r} ({c})" for r, c in counts.items()) or "none that is known"
                raise UserError(
                    f"target {target}: the model has no layer of group {role}; it has {has}"
                )
    chosen = [(layer, target.pattern_for(layer.role)) for layer in layers]
    selected = [(layer, pattern) for layer, pattern in chosen if pattern is not None]
    for layer, pattern in selected:
        if not pattern.fits(layer.width):
            raise UserError(
                f"target {target}: layer {layer.name} has {layer.width} inputs, which do not "
                f"divide into groups of {pattern.m}"
            )
    return selected
