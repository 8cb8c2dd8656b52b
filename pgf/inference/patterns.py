"""The N:M patterns that a weight has, read off its zeros."""

from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor

from pgf.recipes import NMPattern

LONGEST = 256
"""M at most: an index within a group is a byte."""
LEAST_SPARSE = 0.5
"""N / M at most; rows that keep more are dense."""
MOST_BLOCKS = 16
"""Blocks of rows of unlike patterns; a weight with more has no structure of ours."""
Blocks = list[tuple[int, NMPattern | None]]
"""Rows, and their pattern, of consecutive blocks; None is dense."""


def is_packable(pattern: NMPattern) -> bool:
    """Return whether rows of a pattern can be packed, and not only be dense."""
    return pattern.m <= LONGEST and pattern.density <= LEAST_SPARSE


def index_width(pattern: NMPattern) -> int:
    """Return the bits of an index into a group as it is stored: 4, or 8 where M is above 16."""
    return 4 if pattern.m <= 16 else 8


def blocks_of(weight: Tensor) -> Blocks | None:
    """Return the patterns of a weight by blocks of rows, as those of a fused Q, K and V.

    The sparsest pattern of a row counts, the one of least M among equals; M is any divisor of the
    width up to 256.

    Args:
        weight: (rows, width), groups along the width.

    Returns:
        the blocks, or None where no row keeps half or less of every group.
    """
    if not weight.numel() or not _may_be_sparse(weight):
        return None
    patterns = _patterns_of_rows(weight)
    blocks = [(len(list(same)), pattern) for pattern, same in groupby(patterns)]
    if len(blocks) > MOST_BLOCKS:
        blocks = [(len(weight), pattern_of(weight))]
    return blocks if any(pattern for _, pattern in blocks) else None


def pattern_of(weight: Tensor) -> NMPattern | None:
    """Return the sparsest pattern that all rows of a weight (rows, width) have, or None."""
    kept = {m: max(1, int(most.max())) for m, most in _most_kept(weight)}
    m = min(kept, key=lambda m: kept[m] / m, default=1)  # the first of equals: the least M
    return NMPattern(kept[m], m) if kept.get(m, m) <= m * LEAST_SPARSE else None


def _may_be_sparse(weight: Tensor) -> bool:
    kept = (weight != 0).sum(dim=1)
    return bool((kept <= LEAST_SPARSE * weight.shape[1]).any())


def _patterns_of_rows(weight: Tensor) -> list[NMPattern | None]:
    """Return the pattern of each row; a row of zeros has that of the row before it."""
    found = dict(_most_kept(weight))
    if not found:
        return [None] * len(weight)
    ms, kept = list(found), torch.stack(list(found.values()))  # (divisors, rows)
    share = kept.clamp(min=1) / torch.tensor(ms)[:, None]
    best = share.argmin(dim=0).tolist()
    patterns: list[NMPattern | None] = []
    for row, (at, is_empty) in enumerate(zip(best, (kept[0] == 0).tolist(), strict=True)):
        if is_empty and patterns:
            patterns.append(patterns[-1])
            continue
        n, m = max(1, int(kept[at, row])), ms[at]
        patterns.append(NMPattern(n, m) if n <= m * LEAST_SPARSE else None)
    return patterns


def _most_kept(weight: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each possible M, rising, with (rows,): what the fullest group of a row keeps."""
    width = weight.shape[1]
    counts = {1: (weight != 0).to(torch.int16)}
    for m in range(2, min(LONGEST, width) + 1):
        if width % m:
            continue
        part = max(d for d in counts if m % d == 0)
        apart = counts[part].unflatten(1, (-1, m // part)).unbind(-1)
        counts[m] = sum(apart[1:], apart[0])
        yield m, counts[m].amax(dim=1).cpu()
