"""Trains a few runs in the processes of a group; `torchrun` starts it, see test_parallel.py.

    torchrun --nproc-per-node 2 tests/support/two_processes.py FOLDER

Each process leaves its own weights and masks, for every run, as FOLDER/<run>.<number>.pt.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import TaskSettings
from pgf.training import parallel
from pgf.training.loop import train
from pgf.training.run_state import Run
from support.compare import weights
from support.helpers import digits, tiny_spec
from support.texts import NUMBERS, SMALL

PROCESSES = 2
RECIPES = ("dense", "sr_ste", "mdgf_linear", "sdgf_stepwise", "snip", "random_mask")


def text_spec(kind: str) -> RunSpec:
    """Return a run on texts, whose micro-batches count by their tokens."""
    spec = tiny_spec("mdgf_linear", processes=PROCESSES)
    options = {**SMALL, **NUMBERS[kind]}
    return replace(spec, task=TaskSettings(name=kind, kind=kind, options=options))


def trained(spec: RunSpec) -> Run:
    """Return a finished run."""
    return train(Run.make(spec, splits=digits() if spec.task.kind == "digits_vit" else None))


MORE = {
    "accumulated": tiny_spec("mdgf_exponential", processes=PROCESSES, accumulation=3),
    "mixed": tiny_spec("sr_ste", processes=PROCESSES, mixup=0.5, label_smoothing=0.1),
    "averaged": tiny_spec("sr_ste", processes=PROCESSES, ema_decay=0.8),
    "words": text_spec("number_words_encdec"),
    "half": tiny_spec("mdgf_linear", processes=PROCESSES, precision="bfloat16"),
}
SPECS: dict[str, RunSpec] = {
    **{recipe: tiny_spec(recipe, processes=PROCESSES) for recipe in RECIPES},
    **MORE,
}


def state(run: Run) -> dict[str, torch.Tensor]:
    """Return weights, masters and the last masks of a run."""
    masks = {
        f"mask {layer.name}": layer.block.view(
            run.sparsifier.effective[f"{layer.block.module_name}.weight"]
        )
        != 0
        for layer in run.sparsifier.layers
    }
    return {**weights(run), **masks}


if __name__ == "__main__":
    torch.set_num_threads(1)
    with parallel.group():
        for name, spec in SPECS.items():
            run = trained(spec)
            torch.save(
                {
                    "state": state(run),
                    "values": [e.values for e in run.evaluations],
                    "rows": [tuple(row) for row in run.all_rows()],
                },
                Path(sys.argv[1]) / f"{name}.{parallel.rank()}.pt",
            )
