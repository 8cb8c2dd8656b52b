"""A step of a small model: alone, replayed as CUDA graphs, and in stacks."""

from collections.abc import Callable
from typing import Any

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.sizes import Sizes
from pgf.costs.bench.timing import milliseconds, ratio, rotate
from pgf.costs.bench.vit import VitContender
from pgf.training import Stack

STACK_TARGET = 5.0
"""Times faster than alone, a run; a stack that is not is not worth its code."""


@GPU_PARTS.register("small_runs")
def small_runs(progress: Progress, sizes: Sizes) -> Part:
    """SR-STE at ViT-Tiny, a run and a step."""
    made: dict[str, Any] = {"batch_size": sizes.small_batch, "task": sizes.small}
    made |= {"device": sizes.device, "precision": sizes.precision}
    graphs: dict[str, Any] = {} if sizes.is_rehearsal else {"compile": "reduce-overhead"}
    ways: dict[str, Callable[[], object]] = {
        "alone": VitContender("sr_ste", **made).step,
        "replayed as CUDA graphs": VitContender("sr_ste", **made, **graphs).step,
    }
    shared = {"alone": 1, "replayed as CUDA graphs": 1}
    for count in sizes.stacks:
        progress(f"small_runs: a stack of {count}")
        ways[f"in a stack of {count}"] = _stack(count, made)
        shared[f"in a stack of {count}"] = count
    times = rotate(ways, rounds=sizes.rounds, repeats=4, clock=sizes.clock)
    each = {name: [seconds / shared[name] for seconds in times[name]] for name in ways}
    lines = []
    for name, own in each.items():
        found = ratio(each["alone"], own)
        target = STACK_TARGET if shared[name] > 1 else None
        lines.append(
            Measurement(
                what=name,
                unit="ms",
                ours=milliseconds(own),
                ratio=found.median,
                spread=found.spread,
                target=target,
                bound=Bound.AT_LEAST,
            )
        )
    return Part(
        title=f"A step of a small run, batch {sizes.small_batch}, {sizes.precision}, {sizes.where}",
        ratio_of="alone / ours",
        lines=tuple(lines),
        notes=("A stack's time is shared out evenly among its runs.",),
    )


def _stack(count: int, made: dict[str, Any]) -> Callable[[], object]:
    members = [VitContender("sr_ste", **made) for _ in range(count)]
    stack = Stack([member.run for member in members])

    def step() -> None:
        stack.step([next(member.stream) for member in members])
        for member in members:
            member.run.step += 1

    return step
