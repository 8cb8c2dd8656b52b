"""A weight packed: of every group the N values that are kept, and their places in it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.inference.patterns import LONGEST, index_width
from pgf.recipes import NMPattern


@dataclass(frozen=True)
class PackedWeight:
    """Rows of one weight of one pattern.

    A group that keeps fewer than N weights is filled up with zeros at its lowest free places, so
    that every group has N, their indices rising.
    """

    values: Tensor
    """(rows, groups, N), of the weight's own dtype."""
    indices: Tensor
    """(rows, groups, N) uint8: the place of each value in its group of M."""
    pattern: NMPattern

    @classmethod
    def of(cls, weight: Tensor, pattern: NMPattern) -> "PackedWeight":
        """Pack a weight (..., width), groups along the last axis.

        Raises:
            UserError: a group keeps more than N, or M is above 256 or does not divide the width.
        """
        n, m = pattern.n, pattern.m
        if m > LONGEST or not pattern.fits(weight.shape[-1]):
            raise UserError(f"{pattern} cannot be packed: M must be at most {LONGEST} and divide")
        groups = weight.detach().reshape(-1, weight.shape[-1] // m, m)
        kept = groups != 0
        if groups.numel() and int(kept.sum(-1).max()) > n:
            raise UserError(f"a weight that is to be packed as {pattern} keeps more in a group")
        free = ~kept
        missing = n - kept.sum(-1, keepdim=True)
        kept = kept | free & (free.cumsum(-1) <= missing)
        places = kept.nonzero()[:, -1].reshape(*groups.shape[:2], n)
        return cls(groups.gather(-1, places), places.to(torch.uint8), pattern)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and width of the weight."""
        rows, groups, _ = self.values.shape
        return rows, groups * self.pattern.m

    @property
    def bits(self) -> int:
        """Bits of an index as it is stored."""
        return index_width(self.pattern)

    @property
    def nbytes(self) -> int:
        """Bytes of values and indices as they are stored."""
        count = self.values.numel()
        return count * self.values.element_size() + (count * self.bits + 7) // 8

    def dense(self) -> Tensor:
        """Return the weight (rows, width), zeros where nothing is kept."""
        rows, groups, _ = self.values.shape
        out = self.values.new_zeros(rows, groups, self.pattern.m)
        return out.scatter_(-1, self.indices.long(), self.values).reshape(self.shape)
