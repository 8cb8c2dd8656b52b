"""The cost of recipes with hooks: time and memory of a step, beside a dense one."""

import torch

from pgf.costs.bench import PARTS
from pgf.costs.bench.kinds.memory import peak_of
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.vit import TARGET, VitContender
from pgf.recipes import RECIPES, Calibrates, pruning_recipes

BATCH = 8
ROUNDS = 11


@PARTS.register("zoo")
def zoo(progress: Progress) -> Part:
    """Recipes with hooks in the middle of their sparse phase, at batch 8."""
    torch.set_num_threads(1)
    hooked = pruning_recipes(with_hooks=True)
    names = [name for name in hooked if not issubclass(RECIPES[name], Calibrates)]
    progress(f"zoo: {len(names)} recipes, batch {BATCH}")
    dense = VitContender("dense", batch_size=BATCH)
    lines = [line for name in names for line in _measure(name, dense)]
    return Part(
        title=f"Recipes with hooks, ViT-Tiny at 32 x 32, {TARGET}, batch {BATCH}, CPU, one thread",
        ratio_of="ours / floor",
        lines=tuple(lines),
        notes=(
            "Time: floor is a dense step of the same rounds. What is done seldom is not in it; "
            "recipes that calibrate train densely until then, and are left out.",
            "Memory: tensors at the peak of a step beyond dense training; floor is the dense "
            "masters of the sparse layers, which every recipe keeps.",
        ),
    )


def _measure(name: str, dense: VitContender) -> list[Measurement]:
    contender = VitContender(name, batch_size=BATCH)
    times = rotate({"dense": dense.step, name: contender.step}, rounds=ROUNDS)
    masters = contender.run.sparsifier.masters.values()
    weights = sum(master.numel() * master.element_size() for master in masters)
    more = peak_of(contender) - peak_of(dense)
    memory = Measurement(
        what=f"{name}, memory",
        unit="MiB",
        floor=weights / 2**20,
        ours=more / 2**20,
        ratio=more / weights,
    )
    return [Measurement.timed(f"{name}, time", ours=times[name], floor=times["dense"]), memory]
