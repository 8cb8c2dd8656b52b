"""N:M masks from scores."""

import torch
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import NMPattern

_AS_INTEGER = {
    torch.float64: torch.int64,
    torch.float32: torch.int32,
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
}


def nm_mask(score: Tensor, pattern: NMPattern, *, among: Tensor | None = None) -> Tensor:
    """Return the mask that keeps the N entries of largest |score| in each group of M.

    Groups are consecutive along the last axis. Exactly N are kept, always: equal magnitudes keep
    the lowest index, on every device and in every dtype; NaN counts as larger than infinity.

    Args:
        score: (..., width), a floating type; width a multiple of M.
        pattern: N:M.
        among: a bool tensor of the score's shape; what is False in it is chosen last.

    Returns:
        A bool tensor of the score's shape.

    Raises:
        ValueError: M does not divide the width.

    >>> import torch
    >>> from pgf import NMPattern, nm_mask
    >>> nm_mask(torch.tensor([0.1, -3.0, 0.2, 0.2]), NMPattern(2, 4)).int().tolist()
    [0, 1, 1, 0]
    """
    n, m = pattern.n, pattern.m
    if not pattern.fits(score.shape[-1]):
        raise ValueError(f"rows of {score.shape[-1]} weights do not divide into groups of {m}")
    keys = _ordered_keys(score)
    if among is not None:
        keys = keys.masked_fill(~among, -1)  # the key of 0 is 0
    groups = keys.reshape(-1, m)
    if n == m:
        mask = torch.ones_like(groups, dtype=torch.bool)
    elif n == 1:
        # argmax is documented to return the first of equal values.
        first = groups.argmax(dim=1, keepdim=True)
        mask = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, first, True)
    else:
        mask = _by_threshold(groups, n, m)
    return mask.view(score.shape)


def check_mask(mask: Tensor, weight: Tensor, pattern: NMPattern, *, who: str) -> None:
    """Check that a recipe's mask has the weight's shape and keeps N of every M.

    Args:
        mask: what is checked.
        weight: (..., width).
        pattern: N:M.
        who: what gave the mask, for the error.

    Raises:
        UserError: it is not.
    """
    if mask.shape != weight.shape or mask.dtype is not torch.bool:
        raise UserError(
            f"{who} gives a mask of {mask.dtype} {tuple(mask.shape)}: it must be torch.bool "
            f"{tuple(weight.shape)}"
        )
    kept = mask.reshape(-1, pattern.m).sum(dim=1)
    if not bool((kept == pattern.n).all()):
        raise UserError(
            f"{who} gives a mask that keeps {int(kept.min())} to {int(kept.max())} of {pattern.m}: "
            f"it must keep {pattern.n} of every {pattern.m}"
        )


def _ordered_keys(score: Tensor) -> Tensor:
    """Return integers that order as |score| does, NaN on top and all NaN equal."""
    magnitude = torch.where(score.isnan(), torch.nan, score.abs()).contiguous()
    return magnitude.view(_AS_INTEGER[score.dtype])


def _by_threshold(groups: Tensor, n: int, m: int) -> Tensor:
    """Keep what reaches the N-th largest key; sort only the groups in which that ties."""
    if n <= 4:
        threshold = _nth_distinct(groups, n, largest=True)
    elif m - n < 4:
        threshold = _nth_distinct(groups, m - n + 1, largest=False)
    else:
        threshold = groups.topk(n, dim=1).values[:, -1:]
    mask = groups >= threshold
    tied = (mask.sum(dim=1) != n).nonzero().squeeze(1)
    if tied.numel():
        order = groups[tied].argsort(dim=1, descending=True, stable=True)[:, :n]
        mask[tied] = torch.zeros_like(groups[tied], dtype=torch.bool).scatter_(1, order, True)
    return mask


def _nth_distinct(groups: Tensor, n: int, *, largest: bool) -> Tensor:
    """Return the n-th largest (smallest) distinct key of each group, shape (groups, 1).

    With equal keys among the first n this is not the n-th key, and the count of entries that reach
    it shows as much; that is what the caller repairs.
    """
    limits = torch.iinfo(groups.dtype)
    out_of_range = limits.min if largest else limits.max
    extreme = torch.amax if largest else torch.amin
    threshold = extreme(groups, dim=1, keepdim=True)
    for _ in range(n - 1):
        rest = groups < threshold if largest else groups > threshold
        threshold = extreme(groups.masked_fill(~rest, out_of_range), dim=1, keepdim=True)
    return threshold
