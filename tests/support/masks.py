"""N:M masks by their slow definition, and scores full of ties."""

import math

import torch
from torch import Tensor

from pgf.recipes.patterns import NMPattern

SPECIAL = [math.nan, -math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, -1.5, 6e-8]
KINDS = ["normal", "equal", "zero", "quantised", "special"]


def slow_mask(score: Tensor, pattern: NMPattern) -> Tensor:
    """Sort every group by magnitude, NaN first, then by index; keep the first N."""
    mask = torch.zeros(score.shape, dtype=torch.bool)
    for row, values in enumerate(score.double().tolist()):
        for start in range(0, len(values), pattern.m):
            keys = [
                (not math.isnan(v), 0.0 if math.isnan(v) else -abs(v), i)
                for i, v in enumerate(values[start : start + pattern.m], start)
            ]
            for _, _, i in sorted(keys)[: pattern.n]:
                mask[row, i] = True
    return mask


def make_scores(kind: str, rows: int, width: int, seed: int) -> Tensor:
    """Return scores of a kind; all but `normal` are full of ties."""
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    if kind == "special":
        picks = torch.randint(len(SPECIAL), (rows, width), generator=generator)
        return torch.tensor(SPECIAL, dtype=torch.float64)[picks]
    return {
        "normal": normal,
        "equal": torch.full_like(normal, -0.7),
        "zero": torch.zeros_like(normal) * normal.sign(),
        "quantised": (2 * normal).round() / 2,
    }[kind]
