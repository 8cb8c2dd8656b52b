"""A sweep of small runs as one stack, against a process for each."""

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.kinds.sweep import measure_sweep
from pgf.costs.bench.model import Part, Progress
from pgf.costs.bench.sizes import Sizes

TARGET = 20.0


@GPU_PARTS.register("sweep")
def sweep(progress: Progress, sizes: Sizes) -> Part:
    """`digits_vit`, recipes x seeds."""
    line, _ = measure_sweep(
        progress,
        device=sizes.device,
        processes=1,
        target=TARGET,
        steps=sizes.sweep["steps"],
        seeds=sizes.sweep["seeds"],
        stack=sizes.sweep["stack"],
    )
    return Part(
        title=f"Sweep of digits_vit as stacks, {sizes.where}",
        ratio_of="usual / ours",
        lines=(line,),
        notes=("The usual way: a process per run, one after another; a few stand for all.",),
    )
