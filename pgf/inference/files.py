"""Packed models as files: safetensors, whose metadata say how each weight is packed.

A packed weight NAME has, for its block of rows number i, `NAME.values.i` (rows, groups * N) and
`NAME.indices.i` (bytes): the place of each value in its group of M, two to a byte where M is at
most 16, the first in the lower half. Rows that are dense are `NAME.dense.i` (rows, width). The
metadata's `weights` is JSON: NAME -> the parameter's `shape`, the `order` of its axes that puts
inputs last, and of each block `rows` and `pattern` (1:16; null if dense). `aliases` is JSON, too:
names of tensors that share memory with another. All else is stored as it is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.inference.linear import PackedLinear
from pgf.inference.packed import PackedWeight
from pgf.inference.packing import is_linear, parts_of, put_packed, why_dense
from pgf.inference.patterns import blocks_of
from pgf.inference.reading import (
    FORMAT,
    FileWeight,
    Packed,
    Tensors,
    can_hold,
    nibbles,
    read,
    read_safetensors,
)
from pgf.inference.sizes import Sizes, sizes_of
from pgf.sparsity import is_conv1d

ORDERS: dict[int, tuple[tuple[int, ...], ...]] = {
    2: ((0, 1), (1, 0)),
    3: ((0, 1, 2), (0, 2, 1)),
    4: ((0, 2, 3, 1),),
}
"""Axes -> the orders in which groups may run: of Linear, Conv1D, experts and Conv2d."""


def save(model: nn.Module, path: str | Path) -> Sizes:
    """Write a model packed: every weight that is N:M, and all else of its state as it is.

    Args:
        model: a trained model after `finish()`, or one that `pack` or `load` has made.
        path: the file to write.
    """
    return save_tensors(model.state_dict(), path)


def save_tensors(tensors: Mapping[str, Tensor], path: str | Path) -> Sizes:
    """Write a state packed; arguments as for `save`."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    stored: dict[str, Tensor] = {}
    weights: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    first: dict[tuple[int, torch.Size, tuple[int, ...]], str] = {}
    packed: list[tuple[str, list[PackedWeight | Tensor]]] = []
    for name, tensor in tensors.items():
        own = first.setdefault((tensor.data_ptr(), tensor.shape, tensor.stride()), name)
        if own != name and tensor.numel():
            aliases[name] = own
        elif (entry := _packed(tensor)) is not None:
            order, parts = entry
            weights[name] = _describe(tensor, order, parts)
            stored |= _stored(name, parts)
            packed.append((name, parts))
        else:
            stored[name] = tensor.detach().cpu().contiguous().clone()
    plain = sum(stored[name].nbytes for name in tensors if name in stored)
    metadata = {**FORMAT, "weights": json.dumps(weights), "aliases": json.dumps(aliases)}
    part = Path(f"{path}.part")
    try:
        save_file(stored, str(part), metadata=metadata)
        part.replace(path)
    except SafetensorError as error:  # as it calls an OSError: a full disk, a folder that is closed
        raise UserError(f"{path} cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return sizes_of(packed, others=plain)


def pack_file(source: Path, path: Path) -> Sizes:
    """Write the tensors of a safetensors file packed.

    Raises:
        UserError: it cannot be read, is packed already, or has no weight that is N:M.
    """
    metadata, tensors = read_safetensors(source)
    if metadata.get("format") == FORMAT["format"]:
        raise UserError(f"{source} is packed already")
    made = path.with_name(f"{path.name}.made")  # `path` stays as it is if nothing can be packed
    try:
        sizes = save_tensors(tensors, made)
        if not sizes.layers:
            raise UserError(f"{source} has no weight that keeps half or less of every group")
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)
    return sizes


def load(model: nn.Module, path: str | Path, *, every: bool = False) -> nn.Module:
    """Read a packed file into a model: packed layers take the place of its linear ones.

    Weights that cannot be a packed layer (experts, convolutions, what `pack` leaves dense) are
    unpacked. The model keeps its dtypes and devices; it is set to evaluation and returned, and has
    no gradients any more. It is unchanged where the file does not fit.

    Args:
        model: a model of the same layers, with any weights.
        path: a file that `save` or `pgf pack` has written.
        every: as for `pack`.

    Raises:
        UserError: the file is not a packed one, is damaged, or is of another model.
    """
    file, own = read(path), model.state_dict()
    _check_fits(file, own, path)
    layers, state = {}, dict(file.plain)
    for name, weight in file.packed.items():
        parts = _parts_for(model, name, weight, every=every)
        if parts is None:
            state[name] = weight.dense()
        else:
            layers[name.removesuffix(".weight")] = parts
    for name, other in file.aliases.items():
        state[name] = file.packed[other].dense() if other in file.packed else state[other]
    for name, parts in layers.items():
        put_packed(model, name, parts)
    empty = {name: value.to(own[name].dtype) for name, value in state.items() if own[name].is_meta}
    there = {name: value for name, value in state.items() if name not in empty}
    model.load_state_dict(there, strict=False)
    model.load_state_dict(empty, strict=False, assign=True)
    return model.eval().requires_grad_(False)


def _parts_for(
    model: nn.Module, name: str, weight: FileWeight, *, every: bool
) -> list[PackedWeight | Tensor] | None:
    """Return the parts of the packed layer that a weight becomes; None where it stays dense."""
    module_name, _, own = name.rpartition(".")
    layer = model.get_submodule(module_name)
    if own != "weight":
        return None
    if isinstance(layer, PackedLinear):
        is_turned, like = layer.transposed, layer.get_buffer("values_0")
    elif is_linear(layer) and not why_dense(model, module_name, weight.parts, every=every):
        is_turned, like = is_conv1d(layer), layer.get_parameter("weight")
    else:
        return None
    return weight.to(like) if weight.order == ((1, 0) if is_turned else (0, 1)) else None


def _check_fits(file: Packed, own: Mapping[str, Tensor], path: str | Path) -> None:
    shapes = {name: tuple(t.shape) for name, t in file.plain.items()}
    shapes |= {name: weight.shape for name, weight in file.packed.items()}
    shapes |= {name: shapes[other] for name, other in file.aliases.items()}
    for name in [*own, *shapes]:
        if name not in shapes:
            raise UserError(f"{path} has no {name}, which the model has: it is of another model")
        if name not in own:
            raise UserError(f"{path} has {name}, which the model has not: it is of another model")
        if shapes[name] != tuple(own[name].shape):
            raise UserError(
                f"{path}: {name} is {shapes[name]}, and {tuple(own[name].shape)} in the model"
            )


def _packed(tensor: Tensor) -> tuple[tuple[int, ...], list[PackedWeight | Tensor]] | None:
    if not can_hold(tensor.dtype) or tensor.dim() not in ORDERS or not tensor.numel():
        return None
    found = []
    for order in ORDERS[tensor.dim()]:
        matrix = tensor.detach().cpu().permute(order).flatten(0, -2)
        if (blocks := blocks_of(matrix)) is not None:
            found.append((order, parts_of(matrix, blocks)))
    return min(found, key=lambda entry: sum(part.nbytes for part in entry[1]), default=None)


def _describe(
    tensor: Tensor, order: tuple[int, ...], parts: list[PackedWeight | Tensor]
) -> dict[str, Any]:
    blocks = [
        {"rows": part.shape[0], "pattern": str(part.pattern)}
        if isinstance(part, PackedWeight)
        else {"rows": part.shape[0], "pattern": None}
        for part in parts
    ]
    return {"shape": list(tensor.shape), "order": list(order), "parts": blocks}


def _stored(name: str, parts: list[PackedWeight | Tensor]) -> Tensors:
    stored: dict[str, Tensor] = {}
    for number, part in enumerate(parts):
        if isinstance(part, PackedWeight):
            flat = part.indices.flatten(1)
            stored[f"{name}.values.{number}"] = part.values.flatten(1).contiguous()
            stored[f"{name}.indices.{number}"] = nibbles(flat) if part.bits == 4 else flat
        else:
            stored[f"{name}.dense.{number}"] = part.contiguous().clone()
    return stored
