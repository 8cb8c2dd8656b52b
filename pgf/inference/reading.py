"""Reading a packed file, trusting nothing in it: wrong indices would be read out of bounds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.inference.packed import PackedWeight
from pgf.inference.patterns import LONGEST
from pgf.recipes import NMPattern

FORMAT = {"format": "pgf-packed", "version": "1"}
Tensors = dict[str, Tensor]
NONSENSE = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""Exceptions that nonsense in the metadata raises."""


@dataclass(frozen=True)
class FileWeight:
    """A packed weight of a file."""

    shape: tuple[int, ...]
    """Of the parameter."""
    order: tuple[int, ...]
    """Its axes in the order that puts inputs last."""
    parts: list[PackedWeight | Tensor]

    def dense(self) -> Tensor:
        """Return the parameter, unpacked."""
        rows = [p.dense() if isinstance(p, PackedWeight) else p for p in self.parts]
        moved = torch.cat(rows).reshape([self.shape[axis] for axis in self.order])
        back = [self.order.index(axis) for axis in range(len(self.order))]
        return moved.permute(back).contiguous()

    def to(self, like: Tensor) -> list[PackedWeight | Tensor]:
        """Return the parts with the dtype of a tensor, on its device."""
        device = "cpu" if like.is_meta else like.device
        return [
            PackedWeight(p.values.to(device, like.dtype), p.indices.to(device), p.pattern)
            if isinstance(p, PackedWeight)
            else p.to(device, like.dtype)
            for p in self.parts
        ]


@dataclass(frozen=True)
class Packed:
    """The weights and tensors of a packed file."""

    packed: dict[str, FileWeight]
    plain: Tensors
    aliases: dict[str, str]


def read(path: str | Path) -> Packed:
    """Read a packed file.

    Raises:
        UserError: it is not there, not packed by us, or damaged.
    """
    if not Path(path).is_file():
        raise UserError(f"{path} is not there")
    metadata, tensors = read_safetensors(path)
    if {key: metadata.get(key) for key in FORMAT} != FORMAT:
        raise UserError(f"{path} is not a packed model: its metadata do not say {FORMAT}")
    try:
        weights, aliases = (json.loads(metadata[key]) for key in ("weights", "aliases"))
        packed = {str(name): _weight(str(name), entry, tensors) for name, entry in weights.items()}
        aliases = {str(name): str(own) for name, own in aliases.items()}
        there = {*packed, *tensors}
        if wrong := [o for name, o in aliases.items() if o not in there or name in there]:
            raise _Damaged(f"{wrong[0]} is not in it, or its other name is")
    except (_Damaged, *NONSENSE) as error:
        raise UserError(f"{path} is damaged: {error}") from error
    return Packed(packed, tensors, aliases)


def read_safetensors(path: str | Path) -> tuple[dict[str, str], Tensors]:
    """Return the metadata and the tensors of a safetensors file.

    Raises:
        UserError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return file.metadata() or {}, tensors
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as safetensors: {error}") from error


class _Damaged(Exception):  # noqa: N818
    """A fault of a file, in words."""


def _weight(name: str, entry: Mapping[str, Any], tensors: Tensors) -> FileWeight:
    """Take a weight's tensors out of those of the file, and check them."""
    shape, order = tuple(map(int, entry["shape"])), tuple(map(int, entry["order"]))
    if sorted(order) != list(range(len(shape))) or min(shape, default=0) < 1 or len(shape) < 2:
        raise _Damaged(f"{name} has the shape {shape} and the order {order}")
    width = shape[order[-1]]
    parts = [_part(f"{name}", i, block, width, tensors) for i, block in enumerate(entry["parts"])]
    if not any(isinstance(part, PackedWeight) for part in parts):
        raise _Damaged(f"{name} has no block with a pattern")
    if sum(part.shape[0] for part in parts) != prod(shape) // width:
        raise _Damaged(f"{name} has other rows than its shape {shape}")
    if len({p.values.dtype if isinstance(p, PackedWeight) else p.dtype for p in parts}) != 1:
        raise _Damaged(f"{name} has blocks of several dtypes")
    return FileWeight(shape, order, parts)


def _part(
    name: str, number: int, block: Mapping[str, Any], width: int, tensors: Tensors
) -> PackedWeight | Tensor:
    rows, text = int(block["rows"]), block["pattern"]
    if text is None:
        return _taken(tensors, f"{name}.dense.{number}", (rows, width))
    try:
        pattern = NMPattern.parse(str(text))
    except UserError as error:
        raise _Damaged(f"{name}: {error}") from error
    if pattern.m > LONGEST or not pattern.fits(width):
        raise _Damaged(f"{name} cannot have the pattern {pattern} at {width} inputs")
    n, groups = pattern.n, width // pattern.m
    values = _taken(tensors, f"{name}.values.{number}", (rows, groups * n))
    count = rows * groups * n
    shape = ((count + 1) // 2,) if pattern.m <= 16 else (rows, groups * n)
    indices = _taken(tensors, f"{name}.indices.{number}", shape, torch.uint8)
    if pattern.m <= 16:
        indices = halves(indices)[:count]
    indices = indices.reshape(rows, groups, n)
    places = indices.int()  # 256 is no number of a byte
    if bool((places >= pattern.m).any()) or bool((places.diff(dim=-1) <= 0).any()):
        raise _Damaged(f"{name} has indices that do not rise within {pattern}")
    return PackedWeight(values.reshape(rows, groups, n), indices, pattern)


def _taken(
    tensors: Tensors, name: str, shape: tuple[int, ...], dtype: torch.dtype | None = None
) -> Tensor:
    tensor = tensors.pop(name, None)
    if tensor is None:
        raise _Damaged(f"{name} is not in it")
    fits = tensor.dtype == dtype if dtype else can_hold(tensor.dtype)
    if tuple(tensor.shape) != shape or not fits:
        raise _Damaged(f"{name} is {tuple(tensor.shape)}, {tensor.dtype}, not {shape}")
    return tensor


def can_hold(dtype: torch.dtype) -> bool:
    """Return whether packed values may have a type: torch sorts and gathers no 8-bit floats."""
    return dtype.is_floating_point and dtype.itemsize > 1


def nibbles(indices: Tensor) -> Tensor:
    """Return indices below 16 two to a byte, in their order, the first in the lower half."""
    flat = indices.flatten()
    even = torch.cat([flat, flat.new_zeros(len(flat) % 2)])
    return even[::2] | even[1::2] << 4


def halves(packed: Tensor) -> Tensor:
    """Return the halves of bytes, as `nibbles` took them, and one more where they were odd."""
    return torch.stack([packed & 15, packed >> 4], dim=-1).flatten()
