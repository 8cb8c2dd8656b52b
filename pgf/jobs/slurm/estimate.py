"""The estimated cost of a run, from its operations and parameters, before any of it is trained.

hours = operations / (processes x rate), the rate being what training gets out of one GPU
(`tflops` in a site's file): its peak times its utilisation. Evaluations, statistics and the start
of a job are not in it; a time limit asks for half as much again.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from pgf.experiments import RunSpec
from pgf.jobs.slurm.sites import ESTIMATE, TaskCost
from pgf.records import write_atomically
from pgf.tasks import make_task
from pgf.training import count_flops

BYTES_PER_PARAMETER = 40
"""Weights, masters, gradients, two moments of Adam, masks, and a copy in a checkpoint's buffer."""


def estimate_costs(specs: Sequence[RunSpec]) -> dict[str, TaskCost]:
    """Return the cost by task of its dense model; sparse ones cost the same but for masks."""
    costs = {}
    for spec in {spec.task.name: spec for spec in specs}.values():
        task = make_task(spec.task)
        with torch.device("meta"):  # nothing but shapes is asked of it
            model = task.model()
        parameters = sum(parameter.numel() for parameter in model.parameters())
        costs[spec.task.name] = TaskCost(
            flops_a_sample=float(count_flops(task, model).training),
            bytes=BYTES_PER_PARAMETER * parameters,
        )
    return costs


def write_estimate(specs: Sequence[RunSpec], folder: Path) -> None:
    """Write the cost by task, for the workflow to read without torch."""
    costs = {task: asdict(cost) for task, cost in estimate_costs(specs).items()}
    write_atomically(folder / ESTIMATE, json.dumps(costs, indent=1) + "\n")
