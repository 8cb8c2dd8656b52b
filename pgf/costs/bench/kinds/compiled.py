"""Training steps compiled by inductor."""

from time import perf_counter

import torch
from torch._inductor.utils import fresh_cache

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.costs.bench.timing import rotate
from pgf.costs.bench.vit import VitContender

BATCH = 64
ROUNDS = 9
TARGET = 1.02
BACKEND = "inductor"


@PARTS.register("compiled")
def compiled(progress: Progress) -> Part:
    """Dense and SR-STE steps with and without, and how long compiling takes."""
    torch.set_num_threads(1)
    progress(f"compiled: batch {BATCH}")
    runs = {
        "dense": VitContender("dense", batch_size=BATCH),
        "dense, compiled": VitContender("dense", batch_size=BATCH, compile=BACKEND),
        "sr_ste, compiled": VitContender("sr_ste", batch_size=BATCH, compile=BACKEND),
    }
    began = perf_counter()
    with fresh_cache():  # or a second bench would only read what the first has compiled
        runs["dense, compiled"].step()
    first = perf_counter() - began
    times = rotate({name: run.step for name, run in runs.items()}, rounds=ROUNDS)
    lines = [Measurement(what="first step of dense, compiled", unit="s", ours=first)]
    for own, base, target in (
        ("dense, compiled", "dense", None),
        ("sr_ste, compiled", "dense, compiled", TARGET),
    ):
        what = f"{own}, over {base}"
        lines.append(Measurement.timed(what, ours=times[own], floor=times[base], target=target))
    return Part(
        title=f"Compiled steps, ViT-Tiny at 32 x 32, batch {BATCH}, CPU, one thread",
        ratio_of="ours / floor",
        lines=tuple(lines),
    )
