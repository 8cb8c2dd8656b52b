"""A training step of ViT-B under every recipe, compiled, against dense."""

from functools import cache

from torch import nn

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.vit import BenchVit, VitContender
from pgf.recipes import pruning_recipes

TARGET = 1.01


class OneVit(BenchVit):
    """All contenders share one model, so that it is compiled once: recipes write their weights."""

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
    task = OneVit(name=own.name, size=own.size, patch=own.patch, depth=own.depth)
    names = pruning_recipes(with_hooks=False)
    options = {"device": sizes.device, **sizes.large_options}
    runs = {
        name: VitContender(name, task=task, batch_size=sizes.large_batch, **options)
        for name in ("dense", *names)
    }
    for contender in runs.values():
        contender.run.replica = runs["dense"].run.replica
    times = rotate(
        {name: contender.step for name, contender in runs.items()},
        rounds=sizes.rounds,
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
        notes=(f"Settings: {options}. All recipes share one compiled model.",),
    )
