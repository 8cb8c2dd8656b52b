"""Weights of which this process holds some rows: FSDP's shards (`fully_shard`)."""

from dataclasses import replace

from torch import Tensor, nn

from pgf.errors import UserError
from pgf.sparsity.layers import PrunableWeight
from pgf.sparsity.roles import is_conv1d


def local(tensor: Tensor) -> Tensor:
    """Return the part of a tensor that this process holds; of an ordinary one all of it."""
    own = getattr(tensor, "to_local", None)
    return tensor if own is None else own()


def is_sharded(parameter: Tensor) -> bool:
    """Return whether a process may hold only some of a parameter's rows."""
    return hasattr(parameter, "to_local")


def reshard(model: nn.Module) -> None:
    """Drop FSDP's gathered copies of weights, which are old now; of other models there are none."""
    if not any(is_sharded(parameter) for parameter in model.parameters()):
        return
    from torch.distributed.fsdp import FSDPModule

    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def own_rows(block: PrunableWeight, parameter: nn.Parameter) -> PrunableWeight:
    """Return the part of a block that this process holds, in rows of its own shard.

    Raises:
        UserError: the shards are not whole rows.
    """
    if not is_sharded(parameter):
        return block
    first, count = _shard_of(block, parameter)
    begin = min(max(block.first_row - first, 0), count)
    return replace(block, first_row=begin, end_row=min(max(block.end_row - first, begin), count))


def rows_in(block: PrunableWeight, parameter: nn.Parameter) -> slice:
    """Return which of a whole block's rows this process holds."""
    if not is_sharded(parameter):
        return slice(None)
    first, count = _shard_of(block, parameter)
    size = block.end_row - block.first_row
    begin = min(max(first - block.first_row, 0), size)
    return slice(begin, min(max(first + count - block.first_row, begin), size))


def _shard_of(block: PrunableWeight, parameter: nn.Parameter) -> tuple[int, int]:
    """Return the first row and the number of rows of this process's shard."""
    # Imported late: torch.distributed.tensor takes a second, and only FSDP needs it.
    from torch.distributed.tensor import DTensor, Replicate, Shard

    assert isinstance(parameter, DTensor)
    first, count = 0, parameter.shape[0]
    sharded = False
    for axis, placement in enumerate(parameter.placements):
        if isinstance(placement, Replicate):
            continue
        if placement != Shard(0) or sharded or is_conv1d(block.module):
            raise UserError(
                f"{block.module_name} is sharded as {placement}, on axis {axis} of the mesh: pgf "
                f"prunes shards of whole rows, once, as fully_shard makes them of Linear layers"
            )
        sharded = True
        size = -(-count // parameter.device_mesh.size(axis))
        first = min(parameter.device_mesh.get_local_rank(axis) * size, count)
        count = min(size, count - first)
    return first, count
