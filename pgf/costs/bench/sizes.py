"""Sizes of what a GPU's bench measures, and small ones for a machine that has none."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import torch

from pgf.costs.bench.timing import gpu_clock
from pgf.costs.bench.vit import BenchVit

FF_OF_VIT_B = ((3072, 768), (768, 3072)) * 12


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Sizes of every measurement, and where they are made."""

    device: str
    clock: Callable[[], float]
    where: str
    """The GPU's name; without one, that this is a rehearsal."""
    rounds: int
    layers: tuple[tuple[int, int], ...]
    """(rows, width) of the weights whose masks are taken."""
    large: BenchVit
    large_batch: int
    precision: str
    compile: str | None
    """Of the large model."""
    small: BenchVit
    small_batch: int
    stacks: tuple[int, ...]
    """Runs of the small model that train as one."""
    tokens: tuple[int, ...]
    sweep: dict[str, int]
    """Steps, seeds and stack of the sweep."""

    @property
    def is_rehearsal(self) -> bool:
        """True where there is no GPU, and nothing measured means anything."""
        return self.device == "cpu"


def sizes_here() -> Sizes:
    """Return the sizes for this machine's GPU, or those of a rehearsal without one."""
    if not torch.cuda.is_available():
        return rehearsal()
    return Sizes(
        device="cuda",
        clock=gpu_clock,
        where=torch.cuda.get_device_name(),
        rounds=15,
        layers=FF_OF_VIT_B,
        large=BenchVit(name="vit_base_patch16_224", size=224, patch=16),
        large_batch=256,
        precision="bfloat16",
        compile="inductor",
        small=BenchVit(depth=3),
        small_batch=64,
        stacks=(8, 32),
        tokens=(1, 197, 8 * 197),
        sweep={"steps": 400, "seeds": 4, "stack": 32},
    )


def rehearsal() -> Sizes:
    """Return sizes by which every line of the GPU's measurements runs on a CPU in seconds."""
    tiny = BenchVit(depth=1, size=8, patch=4)
    return Sizes(
        device="cpu",
        clock=perf_counter,
        where="a rehearsal on a CPU, with small sizes: no measurement",
        rounds=1,
        layers=((16, 128), (32, 128)),
        large=tiny,
        large_batch=2,
        precision="float32",
        compile=None,
        small=tiny,
        small_batch=2,
        stacks=(2,),
        tokens=(1, 3),
        sweep={"steps": 3, "seeds": 1, "stack": 2},
    )
