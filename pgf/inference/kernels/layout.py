"""The order in which kernels read a packed weight: blocks of 16 rows, side by side."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pgf.inference.packed import PackedWeight
from pgf.recipes import NMPattern

ROWS = 16
"""Rows of a block, whatever the width of the processor's vectors."""


@dataclass(frozen=True)
class Blocked:
    """A packed weight in the kernels' order; rows that fill the last block are zeros."""

    values: Tensor
    """(blocks, groups, N, 16)"""
    indices: Tensor
    """(blocks, groups, N, 8 or 16) uint8: nibbles where M is at most 16, else bytes."""
    pattern: NMPattern
    rows: int

    @property
    def width(self) -> int:
        return self.values.shape[1] * self.pattern.m


def to_blocks(weight: PackedWeight) -> Blocked:
    """Return a packed weight in the kernels' order."""
    values, indices = (_blocks(part) for part in (weight.values, weight.indices))
    if weight.bits == 4:
        indices = _nibbles(indices)
    return Blocked(values, indices, weight.pattern, weight.shape[0])


def from_blocks(blocked: Blocked) -> PackedWeight:
    """Return what `to_blocks` was given."""
    indices = blocked.indices
    if indices.shape[-1] != ROWS:
        indices = _unpacked(indices)
    values, indices = (_rows(part, blocked.rows) for part in (blocked.values, indices))
    return PackedWeight(values, indices, blocked.pattern)


def _blocks(part: Tensor) -> Tensor:
    rows, groups, n = part.shape
    full = part.new_zeros(-(-rows // ROWS) * ROWS, groups, n)
    full[:rows] = part
    return full.view(-1, ROWS, groups, n).permute(0, 2, 3, 1).contiguous()


def _rows(part: Tensor, rows: int) -> Tensor:
    blocks, groups, n, _ = part.shape
    return part.permute(0, 3, 1, 2).reshape(blocks * ROWS, groups, n)[:rows].contiguous()


def _nibbles(indices: Tensor) -> Tensor:
    """Pack 16 indices into two 32-bit words: row r is the nibble r // 2 of word r % 2."""
    parts = indices.unflatten(-1, (4, 2, 2))  # (byte, nibble, word)
    low, high = parts[..., 0, :], parts[..., 1, :]
    return (low | high << 4).transpose(-1, -2).flatten(-2).contiguous()


def _unpacked(words: Tensor) -> Tensor:
    parts = words.unflatten(-1, (2, 4)).transpose(-1, -2)  # (byte, word)
    return torch.stack([parts & 15, parts >> 4], dim=-2).flatten(-3)
