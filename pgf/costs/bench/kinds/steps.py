"""A training step of every recipe without hooks, against dense."""

import torch

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import milliseconds, rotate
from pgf.costs.bench.vit import TARGET, Usual, VitContender
from pgf.recipes import pruning_recipes

DENSE, USUAL = "dense", "usual way"
ROUNDS = {64: 15, 8: 41}
TARGETS = {64: 1.02, 8: 1.05}


@PARTS.register("steps")
def steps(progress: Progress) -> Part:
    """All recipes in the middle of their training, at batch 64 and batch 8."""
    lines = [line for batch_size in ROUNDS for line in _measure(batch_size, progress)]
    return Part(
        title=f"Training step, ViT-Tiny at 32 x 32, {TARGET}, float32, CPU, one thread",
        ratio_of="ours / dense",
        lines=tuple(lines),
        notes=(
            "Floor: the dense step of the same rounds.",
            "The usual way: an autograd function in every layer with SR-STE's two formulas, masks "
            "by argsort.",
            "The lines on masks alone time refresh and gradient rule by themselves, over the dense "
            "step: they show what the noise of whole steps hides.",
        ),
    )


def _measure(batch_size: int, progress: Progress) -> list[Measurement]:
    torch.set_num_threads(1)
    names = pruning_recipes(with_hooks=False)
    contenders: dict[str, VitContender] = {}
    for name in (DENSE, *names):
        contenders[name] = VitContender(name, batch_size=batch_size)
    contenders[USUAL] = Usual(batch_size=batch_size)
    progress(f"steps: {len(contenders)} contenders, batch {batch_size}")
    calls = {name: contender.step for name, contender in contenders.items()}
    times = rotate(calls, rounds=ROUNDS[batch_size])
    lines = [
        Measurement.timed(
            f"{name}, batch {batch_size}",
            ours=times[name],
            floor=times[DENSE],
            usual=times[USUAL],
            target=None if name == USUAL else TARGETS[batch_size],
        )
        for name in (*names, USUAL)
    ]
    alone = rotate(
        {name: _MasksAlone(contenders[name]) for name in names}, rounds=ROUNDS[batch_size]
    )
    slowest = max(names, key=lambda name: sum(alone[name]))
    dense = milliseconds(times[DENSE])
    own = milliseconds(alone[slowest])
    share = Measurement(
        what=f"masks alone of the slowest ({slowest}), batch {batch_size}",
        unit="ms",
        floor=dense,
        ours=own,
        ratio=own / dense,
        target=TARGETS[batch_size] - 1,
    )
    return [*lines, share]


class _MasksAlone:
    """Refresh and gradient rule of a step, on gradients of ones."""

    def __init__(self, contender: VitContender) -> None:
        self.run = contender.run
        for master in self.run.sparsifier.masters.values():
            master.grad = torch.ones_like(master)

    def __call__(self) -> None:
        self.run.sparsifier.refresh(self.run.step)
        self.run.sparsifier.apply_gradient_rule()
