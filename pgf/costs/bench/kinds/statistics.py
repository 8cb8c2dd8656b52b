"""The gradient statistics at their default sampling, against none."""

from collections.abc import Callable
from time import process_time
from typing import Any

import torch

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import milliseconds, rotate, summed_up
from pgf.costs.bench.vit import VitContender
from pgf.experiments import StatisticsSettings
from pgf.training import HARDLY_EVER

BATCH = 64
ROUNDS = 7
TARGET = 1.02
RARE = HARDLY_EVER.noise_every


@PARTS.register("statistics")
def statistics(progress: Progress) -> Part:
    """SR-STE with what a sample costs, spread over the steps between two of them."""
    torch.set_num_threads(1)
    progress(f"statistics: batch {BATCH}")
    return Part(
        title="Gradient statistics, ViT-Tiny at 32 x 32, CPU, one thread",
        ratio_of="with / without",
        lines=(measure_statistics(rounds=ROUNDS, batch_size=BATCH),),
        notes=(
            "Steps that sample everything, all but the noise, and nothing are timed in turn, and "
            "weighed as the default settings mix them.",
        ),
    )


def measure_statistics(
    *,
    rounds: int,
    batch_size: int,
    clock: Callable[[], float] = process_time,
    **contender: Any,
) -> Measurement:
    """Measure a step with the statistics over one without, mixed as the defaults mix them."""
    sampled = {
        "none": HARDLY_EVER,
        "statistics": StatisticsSettings(every=1, noise_every=RARE),
        "noise": StatisticsSettings(every=1, noise_every=1),
    }
    runs = {
        name: VitContender("sr_ste", batch_size=batch_size, statistics=settings, **contender)
        for name, settings in sampled.items()
    }
    calls = {name: run.step for name, run in runs.items()}
    times = rotate(calls, rounds=rounds, clock=clock)
    usual = StatisticsSettings()
    found = summed_up(
        [
            1 + (some / none - 1) / usual.every + (all_ - some) / none / usual.noise_every
            for none, some, all_ in zip(*times.values(), strict=True)
        ]
    )
    none = milliseconds(times["none"])
    return Measurement(
        what=f"every {usual.every} steps, noise every {usual.noise_every}, batch {batch_size}",
        unit="ms",
        floor=none,
        ours=none * found.median,
        ratio=found.median,
        spread=found.spread,
        target=TARGET,
    )
