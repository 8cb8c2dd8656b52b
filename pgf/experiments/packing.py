"""Runs of a job where the config leaves their number to the suite (`runs_per_job: auto`).

A job takes seconds to start, and a short run takes no longer. The number follows from a task's own
settings alone: where runs go seed after seed, a further seed at the end changes no job but the
last.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TypeVar

from pgf.experiments.entries import Order
from pgf.experiments.run_spec import RunSpec

C = TypeVar("C")

MOST_RUNS = 25
"""Runs of a job at most: who comes back after a job that failed trains few of them again."""
STEPS_OF_A_JOB = 5000
"""Optimiser steps of a job, together, above which its start is small beside it."""


def packed_runs(steps: int, *, processes: int = 1, stack: int = 1) -> int:
    """Return how many runs one job trains one after another.

    Runs that are long, or that take several processes, have jobs of their own. Stacked runs must
    be of one job, so it holds whole stacks.

    Args:
        steps: optimiser steps of a run.
        processes: processes that train a run together.
        stack: runs that train as one model.
    """
    if processes > 1:
        return 1
    runs = min(MOST_RUNS, max(1, STEPS_OF_A_JOB // (steps * stack) * stack))
    return max(stack, runs // stack * stack)


def in_order(seeds: Sequence[int], cells: Sequence[C], order: Order) -> Iterator[tuple[int, C]]:
    """Yield every seed with every cell (a column at a target), in the order of the runs.

    With order `seed`, all cells have their runs of one seed before the next seed begins. With
    `column`, a cell has the runs of all its seeds before the next cell begins.
    """
    if order == "seed":
        yield from product(seeds, cells)
    else:
        yield from ((seed, cell) for cell, seed in product(cells, seeds))


def packs(runs: Sequence[RunSpec], task: str, size: int) -> Iterator[tuple[str, list[RunSpec]]]:
    """Yield every job of a task as its name and its runs, in the order of the runs.

    Where runs go seed after seed, a further seed at the end changes no job but the last.
    """
    own = [run for run in runs if run.task.name == task]
    for part, start in enumerate(range(0, len(own), size)):
        yield f"{task}.part{part}", own[start : start + size]
