"""The law about several processes, which starts two of them."""

import os
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from pgf.jobs.conformance.trial import Trial, values_after, way_apart
from pgf.training import parallel

PROCESSES = 2


def processes_agree(trial: Trial) -> str | None:
    """Return what differs between two processes and one with as many micro-batches; None if not."""
    alone = values_after(trial, accumulation=PROCESSES)
    with tempfile.TemporaryDirectory() as folder:
        arguments = (folder, trial.kind, trial.options, trial.target)
        spawn(_member, args=arguments, nprocs=PROCESSES)
        first, second = (
            torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(PROCESSES)
        )
    for name, value in first.items():
        if not torch.equal(value, second[name]):
            return f"two processes have different {name}"
    return way_apart(trial, alone, first, who="two processes")


def _member(rank: int, folder: str, kind: str, options: dict[str, object], target: str) -> None:
    torch.set_num_threads(1)
    os.environ.update(WORLD_SIZE=str(PROCESSES), RANK=str(rank), LOCAL_RANK=str(rank))
    store = dist.FileStore(f"{folder}/store", PROCESSES)  # type: ignore[attr-defined]
    with parallel.group(on_gpus=False, store=store):
        values = values_after(Trial(kind, options, target), processes=PROCESSES)
    torch.save(values, Path(folder) / f"{rank}.pt")
