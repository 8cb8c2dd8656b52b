"""The lines for a GPU."""

import torch

from pgf.bench.model import Bound, Line, Part, Progress
from pgf.bench.registry import part

WANTED = (
    ("masks and effective weights of all FF layers of ViT-B", 1.3, Bound.AT_MOST),
    ("training step, ViT-B/16, bfloat16, compiled, batch 256, every recipe", 1.01, Bound.AT_MOST),
    ("32 digits_vit runs, against a process each", 20.0, Bound.AT_LEAST),
)


@part("gpu")
def gpu(progress: Progress) -> Part:
    """What is to be measured on a GPU, and has not been."""
    del progress
    there = torch.cuda.is_available()
    return Part(
        title="GPU",
        ratio_of="ratio",
        lines=tuple(
            Line(what=what, unit="", ours=None, target=target, bound=bound)
            for what, target, bound in WANTED
        ),
        notes=() if there else ("This machine has no GPU.",),
    )
