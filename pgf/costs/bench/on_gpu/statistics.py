"""The gradient statistics at their default sampling, on a GPU."""

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.kinds.statistics import measure_statistics
from pgf.costs.bench.model import Part, Progress
from pgf.costs.bench.sizes import Sizes


@GPU_PARTS.register("statistics")
def statistics(progress: Progress, sizes: Sizes) -> Part:
    """SR-STE at the small model, as on a CPU."""
    progress("statistics")
    line = measure_statistics(
        rounds=sizes.rounds,
        clock=sizes.clock,
        batch_size=sizes.small_batch,
        task=sizes.small,
        device=sizes.device,
        precision=sizes.precision,
    )
    return Part(
        title=f"Gradient statistics, small model, {sizes.precision}, {sizes.where}",
        ratio_of="with / without",
        lines=(line,),
    )
