"""A training step of ViT-B under every recipe, compiled, against dense."""

from functools import cache
from typing import Any

from torch import nn

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.vit import BenchVit, VitContender
from pgf.recipes import pruning_recipes

TARGET = 1.01


REPEATS = 4


class OneVit(BenchVit):
    """All recipes share one model, so that it is compiled once: each writes its own weights."""

    def model(self) -> nn.Module:
        return _model(self.name, self.size, self.patch, self.depth)


@cache
def _model(name: str, size: int, patch: int, depth: int) -> nn.Module:
    return BenchVit(name=name, size=size, patch=patch, depth=depth).model()


@GPU_PARTS.register("steps")
def steps(progress: Progress, sizes: Sizes) -> Part:
    """Every recipe without hooks in the middle of training."""
    progress(f"steps: {sizes.large.name}, batch {sizes.large_batch}; compiling takes a minute")
    own = sizes.large
    shared = OneVit(**vars(own))
    names = pruning_recipes(with_hooks=False)
    options: dict[str, Any] = {"precision": sizes.precision, "compile": sizes.compile}
    made = {"batch_size": sizes.large_batch, "device": sizes.device, **options}
    # Dense has a model of its own: products with weights that are mostly zeros are faster.
    runs = {"dense": VitContender("dense", task=own, **made)}
    runs |= {name: VitContender(name, task=shared, **made) for name in names}
    for name in names:
        runs[name].run.replica = runs[names[0]].run.replica
    times = rotate(
        {name: contender.step for name, contender in runs.items()},
        rounds=sizes.rounds,
        repeats=REPEATS,
        clock=sizes.clock,
    )
    _model.cache_clear()
    return Part(
        title=f"Training step of {own.name}, batch {sizes.large_batch}, {sizes.where}",
        ratio_of="ours / dense",
        lines=tuple(
            Measurement.timed(name, ours=times[name], floor=times["dense"], target=TARGET)
            for name in names
        ),
        notes=(f"Settings: {options}. Recipes share one compiled model.",),
    )
