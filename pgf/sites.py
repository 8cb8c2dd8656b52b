"""What a SLURM site gives a job: the one short file its users edit, and what follows from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from pgf.entries import Strict
from pgf.runs import RunSpec
from pgf.validation import read_yaml, validated

PROFILES = Path("workflow/profiles")
SITE = "site.yaml"
ESTIMATE = "estimate.json"
"""What a run of every task costs, in the experiment's folder; written before the workflow."""

START_MINUTES = 10
"""To import torch, read the data and evaluate, for every job."""
MARGIN = 1.5
"""Time asked for over time estimated."""
GROWTH = 1.5
"""Memory of a job over that of the attempt before it."""

Positive = Annotated[float, Field(gt=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


class Site(Strict):
    """`site.yaml`: what differs from one SLURM site to the next."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    gpus: bool = True
    """Whether to ask for a GPU per training process."""
    gpu_model: str | None = None
    cpus: AtLeastOne = 8
    """Cores of a GPU, or of a run on CPUs."""
    memory_mb: AtLeastOne = 16000
    """Main memory of a process, beside its model's weights and what the optimiser keeps of them."""
    longest_minutes: AtLeastOne = 240
    hang_minutes: Positive = 30.0
    tflops: Positive = 60.0
    """10^12 operations a second that training gets out of a GPU, or out of the CPUs."""
    extra: str = ""


def site_path(profile: str) -> Path | None:
    """Return the site file of a profile, or None where it has none."""
    path = PROFILES / profile / SITE
    return path if path.is_file() else None


def load_site(path: Path) -> Site:
    """Read and check a site file.

    Raises:
        UserError: what is wrong, in which file, at which key.
    """
    site: Site = validated(Site, read_yaml(path), str(path))
    return site


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one run of a task costs, as far as can be known before it."""

    flops: float
    """Operations of the training, all processes together."""
    bytes: int
    """Main memory of one process for weights, optimiser and a checkpoint being written."""


def read_estimate(folder: Path) -> dict[str, Cost]:
    """Return the cost of a run by task; empty where nobody has estimated it yet."""
    path = folder / ESTIMATE
    if not path.exists():
        return {}
    values = json.loads(path.read_text(encoding="utf-8"))
    return {task: Cost(**cost) for task, cost in values.items()}


def minutes(specs: Sequence[RunSpec], costs: Mapping[str, Cost], site: Site) -> int:
    """Return the time limit of a job in minutes: its runs' estimate, at most the site's longest.

    A job whose limit comes before its end checkpoints, and SLURM queues it again.
    """
    hours = sum(run_hours(spec, costs[spec.task.name], site) for spec in specs if costs)
    wanted = START_MINUTES + MARGIN * 60 * hours if costs else site.longest_minutes
    return min(site.longest_minutes, round(wanted))


def run_hours(spec: RunSpec, cost: Cost, site: Site) -> float:
    """Return the estimated hours of a run: operations / (processes x rate)."""
    return cost.flops / (spec.training.processes * site.tflops * 1e12) / 3600


def memory(specs: Sequence[RunSpec], costs: Mapping[str, Cost], site: Site, *, attempt: int) -> int:
    """Return the main memory of a job in MB; every further attempt asks for more."""
    model = max((costs[spec.task.name].bytes // 2**20 for spec in specs if costs), default=0)
    processes = max(spec.training.processes for spec in specs)
    return round(processes * (site.memory_mb + model) * GROWTH ** (attempt - 1))


def queue_options(site: Site) -> dict[str, Any]:
    """Return what every job of a site asks for, by the names of Snakemake's SLURM executor."""
    options = {
        "slurm_partition": site.partition,
        "slurm_account": site.account,
        "qos": site.qos,
        "slurm_extra": site.extra or None,
        "gpu_model": site.gpu_model if site.gpus else None,
    }
    return {name: value for name, value in options.items() if value is not None}
