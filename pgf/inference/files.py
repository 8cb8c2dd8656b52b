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
from pgf.inference.packed import PackedWeight
from pgf.inference.packing import is_linear, parts_of, put_packed, why_dense
from pgf.inference.patterns import blocks_of
from pgf.inference.reading import FORMAT, Packed, Tensors, nibbles, read
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
    save_file(stored, str(part), metadata=metadata)
    part.replace(path)
    return sizes_of(packed, others=plain)


def pack_file(source: Path, path: Path) -> Sizes:
    """Write the tensors of a safetensors file packed.

    Raises:
        UserError: it cannot be read, is packed already, or has no weight that is N:M.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(source), framework="pt") as file:
            kind = (file.metadata() or {}).get("format")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise UserError(f"{source} cannot be read as safetensors: {error}") from error
    if kind == FORMAT["format"]:
        raise UserError(f"{source} is packed already")
    sizes = save_tensors(tensors, path)
    if not sizes.layers:
        path.unlink()
        raise UserError(f"{source} has no weight that keeps half or less of every group")
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
    file = read(path)
    _check_fits(file, model.state_dict(), path)
    state: dict[str, Tensor] = dict(file.plain)
    for name, weight in file.packed.items():
        module_name = name.removesuffix(".weight")
        layer = _linear(model, name)
        if layer is None or why_dense(model, module_name, weight.parts, every=every):
            state[name] = weight.dense()
        elif tuple(weight.order) == ((1, 0) if is_conv1d(layer) else (0, 1)):
            like = layer.get_parameter("weight")
            put_packed(model, module_name, weight.to(like))
        else:
            state[name] = weight.dense()
    state |= {name: state[own] for name, own in file.aliases.items() if own in state}
    is_meta = any(p.is_meta for p in model.parameters())
    model.load_state_dict(state, strict=False, assign=is_meta)
    return model.eval().requires_grad_(False)


def _linear(model: nn.Module, name: str) -> nn.Module | None:
    if not name.endswith(".weight"):
        return None
    layer = model.get_submodule(name.removesuffix(".weight"))
    return layer if is_linear(layer) else None


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
    if not tensor.is_floating_point() or tensor.dim() not in ORDERS or not tensor.numel():
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
