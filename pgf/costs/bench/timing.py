"""Times taken in rotation, so that a machine that slows down slows everybody."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time

import torch


@dataclass(frozen=True)
class Ratio:
    """A ratio over rounds."""

    median: float
    spread: float
    """Half the distance between the quartiles."""


def rotate(
    contenders: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    repeats: int = 1,
    clock: Callable[[], float] = process_time,
) -> dict[str, list[float]]:
    """Return the seconds a call takes, per round, of each contender.

    Everything is called once beforehand. By the processor's time what the machine spends on others
    does not count; of one thread it is time as on a clock.

    Args:
        contenders: what to call, by name.
        rounds: how often each comes in turn.
        repeats: calls in a row, of which a round takes the mean.
        clock: what tells the time, in seconds.
    """
    for call in contenders.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            began = clock()
            for _ in range(repeats):
                call()
            times[name].append((clock() - began) / repeats)
    return times


def gpu_clock() -> float:
    """Return the time by the clock when all work on the GPU is done."""
    torch.cuda.synchronize()
    return perf_counter()


def replayed(calls: Sequence[Callable[[], object]], device: torch.device) -> Callable[[], object]:
    """Return one call that does all of them: on a GPU as one CUDA graph, without Python in between.

    What a GPU does in microseconds would else be timed as what Python takes to ask for it.

    Args:
        calls: the same work every time, on tensors that stay where they are.
        device: where it is done.
    """
    if device.type != "cuda":
        return lambda: [call() for call in calls]
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):  # kernels are compiled and memory is found before recording
        for call in calls:
            call()
    torch.cuda.current_stream().wait_stream(stream)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    return graph.replay


def ratio(times: Sequence[float], base: Sequence[float]) -> Ratio:
    """Return the ratio of two contenders of one rotation."""
    return summed_up([t / b for t, b in zip(times, base, strict=True)])


def summed_up(ratios: Sequence[float]) -> Ratio:
    """Return median and spread of ratios, one a round."""
    values = sorted(ratios)
    quarter = len(values) // 4
    return Ratio(median(values), (values[-1 - quarter] - values[quarter]) / 2)


def milliseconds(times: Sequence[float]) -> float:
    """Return the median in milliseconds."""
    return 1e3 * median(times)
