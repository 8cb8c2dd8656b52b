"""The cost of `attach` in a plain loop, beside the same loop without it."""

from collections.abc import Callable

import torch
from torch.nn import functional

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.vit import STEPS, TARGET, BenchVit
from pgf.sparsity import attach as attach_recipe

ROUNDS = {64: 15, 8: 41}
TARGETS = {64: 1.02, 8: 1.05}
RECIPES = ("sr_ste", "mdgf_linear")


@PARTS.register("attach")
def attach(progress: Progress) -> Part:
    """A step of a plain loop under `attach`, in the middle of training."""
    torch.set_num_threads(1)
    lines = [line for batch_size in ROUNDS for line in _measure(batch_size, progress)]
    return Part(
        title=f"A plain loop under attach, ViT-Tiny at 32 x 32, {TARGET}, float32, CPU, one thread",
        ratio_of="ours / dense",
        lines=tuple(lines),
        notes=("Floor: a step of the same loop without attach, in the same rounds.",),
    )


def _measure(batch_size: int, progress: Progress) -> list[Measurement]:
    progress(f"attach: batch {batch_size}")
    steps = {name: _loop(name, batch_size) for name in ("dense", *RECIPES)}
    times = rotate(steps, rounds=ROUNDS[batch_size])
    return [
        Measurement.timed(
            f"{name}, batch {batch_size}",
            ours=times[name],
            floor=times["dense"],
            target=TARGETS[batch_size],
        )
        for name in RECIPES
    ]


def _loop(recipe: str, batch_size: int) -> Callable[[], None]:
    """Return a step of a loop; the model stays as it was made but for the steps taken."""
    torch.manual_seed(0)
    task = BenchVit()
    model = task.model().train()
    inputs = torch.randn(batch_size, *task.example()[0].shape[1:])
    labels = torch.arange(batch_size) % task.n_classes
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    if recipe != "dense":
        sparse = attach_recipe(model, optimizer, target=TARGET, recipe=recipe, total_steps=STEPS)
        sparse.load_state_dict({**sparse.state_dict(), "step": STEPS // 2})

    def step() -> None:
        functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
