"""Peak memory of a sparse step over that of a dense one."""

import torch
from torch.profiler import ProfilerActivity, profile

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.vit import Usual, VitContender
from pgf.recipes import pruning_recipes

BATCH = 8
TARGET = 1.125


@PARTS.register("memory")
def memory(progress: Progress) -> Part:
    """Bytes at the peak of a step, in units of the sparse layers' weights."""
    torch.set_num_threads(1)
    progress("memory: one step of every recipe without hooks")
    dense = peak_of(VitContender("dense", batch_size=BATCH))
    usual = peak_of(Usual(batch_size=BATCH)) - dense
    lines = []
    for name in pruning_recipes(with_hooks=False):
        contender = VitContender(name, batch_size=BATCH)
        masters = contender.run.sparsifier.masters.values()
        weights = sum(master.numel() * master.element_size() for master in masters)
        more = peak_of(contender) - dense
        lines.append(
            Measurement(
                what=name,
                unit="MiB",
                usual=usual / 2**20,
                floor=weights / 2**20,
                ours=more / 2**20,
                ratio=more / weights,
                target=TARGET,
            )
        )
    return Part(
        title="Peak memory of a step beyond dense training, ViT-Tiny, batch 8, CPU",
        ratio_of="ours / floor",
        lines=tuple(lines),
        notes=(
            "Floor: the dense masters of the sparse layers, which every recipe needs to keep. The "
            "usual way has the masters in the model, and copy, mask and product beside them.",
            "Counted by torch's own allocator from the first tensor of the run on.",
        ),
    )


def peak_of(contender: VitContender) -> int:
    """Return the bytes that tensors take at most during a step, the run's own included."""
    contender.step()
    held = _held(contender)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as recorded:
        contender.step()
    events = recorded.profiler.kineto_results.events()
    changes = [(e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"]
    total = highest = 0
    for _, change in sorted(changes, key=lambda item: item[0]):
        total += change
        highest = max(highest, total)
    return held + highest


def _held(contender: VitContender) -> int:
    run = contender.run
    state = [tensor for values in run.optimizer.state.values() for tensor in values.values()]
    sparsifier = run.sparsifier
    masks = [layer.packed_mask for layer in sparsifier.layers]
    masks += [mask for layer in sparsifier.layers for mask in layer.fixed.packed.values()]
    kept = [tensor for layer in sparsifier.layers for tensor in layer.memory.values()]
    kept += [*sparsifier.scores.values(), *(run.teacher.parameters() if run.teacher else ())]
    tensors = [*run.model.parameters(), *run.model.buffers(), *sparsifier.masters.values(), *kept]
    every = {id(t): t for t in [*tensors, *state, *masks] if t is not None}
    return sum(tensor.numel() * tensor.element_size() for tensor in every.values())
