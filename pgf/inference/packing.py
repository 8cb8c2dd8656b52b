"""Packed layers in a model, in place of dense ones whose weights are strictly N:M."""

import logging
from collections import Counter
from collections.abc import Iterator

from torch import Tensor, nn

from pgf.errors import UserError
from pgf.inference.kernels.native import serves
from pgf.inference.linear import PackedLinear, Part
from pgf.inference.packed import PackedWeight
from pgf.inference.patterns import Blocks, blocks_of
from pgf.sparsity import is_conv1d

log = logging.getLogger(__name__)
WORTH_IT = 0.25
"""N / M up to which packed rows are faster than dense ones at any number of tokens."""
SMALLEST = 2**15
"""Weights that a layer has at least if it is faster packed. In a smaller one the call of a kernel
takes longer than the product: 192 x 192 is faster at 1:8, 128 x 128 is slower by a fifth to a half
(AVX2, one thread, 1 to 1,024 tokens)."""


def pack(model: nn.Module, *, every: bool = False) -> nn.Module:
    """Put packed layers in place of the model's linear layers that are strictly N:M.

    Patterns are read off the weights: a layer, or a block of its rows, that keeps half or less of
    every group is packed. The model is changed, set to evaluation and returned, and has no
    gradients any more. A layer that stays dense though it is N:M is named with the reason in the
    log: torch's own fused code reads its weight, it would be no faster packed, or there is no
    kernel for it here.

    Args:
        model: a trained model after `finish()`, or one that `from_pretrained` has read.
        every: pack also what is no faster packed, or has no kernel here and runs dense, for the
            memory that it takes less.

    Raises:
        UserError: no linear layer of the model is N:M.
    """
    found = {
        name: blocks
        for name, layer in model.named_modules()
        if is_linear(layer)
        if (blocks := blocks_of(rows_first(layer))) is not None
    }
    if not found:
        raise UserError(
            "no linear layer of the model keeps half or less of every group: nothing to pack"
        )
    reasons: Counter[str] = Counter()
    for name, blocks in found.items():
        parts = parts_of(rows_first(model.get_submodule(name)), blocks)
        if reason := why_dense(model, name, parts, every=every):
            reasons[reason] += 1
        else:
            put_packed(model, name, parts)
    for reason, count in reasons.items():
        log.warning("%d N:M layers stay dense: %s", count, reason)
    return model.eval().requires_grad_(False)


def is_linear(layer: nn.Module) -> bool:
    """Return whether a module is a linear layer with a weight of its own."""
    weight = layer._parameters.get("weight")
    known = isinstance(layer, nn.Linear) or is_conv1d(layer)
    return known and weight is not None and weight.is_floating_point() and weight.dim() == 2


def rows_first(layer: nn.Module) -> Tensor:
    """Return a linear layer's weight as (outputs, inputs)."""
    weight = layer.get_parameter("weight").detach()
    return weight.t() if is_conv1d(layer) else weight


def parts_of(weight: Tensor, blocks: Blocks) -> list[Part]:
    """Return the blocks of rows of a weight, packed where they have a pattern."""
    rows = [count for count, _ in blocks]
    return [
        part if pattern is None else PackedWeight.of(part, pattern)
        for part, (_, pattern) in zip(weight.split(rows), blocks, strict=True)
    ]


def put_packed(model: nn.Module, name: str, parts: list[Part]) -> None:
    """Put a packed layer in the place of a linear one, with its bias."""
    layer = model.get_submodule(name)
    if isinstance(layer, PackedLinear):
        packed = PackedLinear(parts, layer._buffers["bias"], transposed=layer.transposed)
    else:
        packed = PackedLinear(parts, layer._parameters.get("bias"), transposed=is_conv1d(layer))
    model.set_submodule(name, packed)


def why_dense(model: nn.Module, name: str, parts: list[Part], *, every: bool = False) -> str:
    """Return why a linear layer cannot be a packed one, or an empty text."""
    layer = model.get_submodule(name)
    weight, kind = layer.get_parameter("weight"), type(layer).__name__
    if not name:
        return "the model is the layer itself"
    plain = kind == "Conv1D" or type(layer).forward is nn.Linear.forward
    if not plain or "forward" in vars(layer):
        return f"{kind} has a forward pass of its own"
    if layer._forward_hooks or layer._forward_pre_hooks or hasattr(layer, "_hf_hook"):
        return "they have hooks"
    uses = sum(p is weight for _, p in model.named_parameters(remove_duplicate=False))
    if uses > 1:
        return "their weights are in two places"
    for above in _above(model, name):
        if isinstance(above, nn.MultiheadAttention | nn.TransformerEncoderLayer):
            return f"{type(above).__name__} reads their weights itself"
        if hasattr(above, "base_layer"):
            return f"{type(above).__name__} writes to their weights"
    if not every and weight.numel() < SMALLEST:
        return f"they have fewer than {SMALLEST:,} weights, too few to be faster packed"
    if not every and not is_worth_it(parts):
        return "more than a quarter of their weights is kept, where many tokens are no faster"
    device = "cpu" if weight.is_meta else weight.device.type  # a file's tensors come to the CPU
    if not every and not serves(weight.dtype, device):
        if device == "cuda":
            return "kernels for GPUs were not measured: every=True packs all the same"
        return f"no kernel for {str(weight.dtype).removeprefix('torch.')} on {device} here"
    return ""


def is_worth_it(parts: list[Part]) -> bool:
    """Return whether some rows keep so little that their kernel is faster for many tokens, too."""
    packed = [part.pattern for part in parts if isinstance(part, PackedWeight)]
    return min(pattern.density for pattern in packed) <= WORTH_IT


def _above(model: nn.Module, name: str) -> Iterator[nn.Module]:
    while name:
        name = name.rpartition(".")[0]
        yield model.get_submodule(name)
