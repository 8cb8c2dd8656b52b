"""A SLURM site: the one short file that its users edit, and the resources that jobs ask for."""

import re
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError, field_validator

from pgf.experiments import RunSpec, Strict, read_yaml, validated

PROFILES = Path("workflow/profiles")
SITE = "site.yaml"
ESTIMATE = "estimate.json"
"""File with the cost of every task, in the experiment's folder."""

START_MINUTES = 10
"""To import torch, read the data and evaluate, for every job."""
MARGIN = 1.5
"""Time asked for over time estimated."""
GROWTH = 1.5
"""Memory and minutes of a job over those of the attempt before it."""
EXECUTORS_MODEL = re.compile(r"[A-Za-z0-9_.]+")
"""The GPU models that Snakemake's SLURM executor takes: no hyphen, which SLURM's own names have."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastOne = Annotated[int, Field(ge=1)]
GpuModel = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]+$")]


class Site(Strict):
    """`site.yaml`: what differs from one SLURM site to the next."""

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    """Features that a node must have."""
    gpus: bool = True
    """Ask for a GPU per training process."""
    gpu_model: GpuModel | None = None
    cpus: AtLeastOne = 8
    """Cores of a GPU, or of a process on CPUs."""
    memory_mb: AtLeastOne = 16000
    """Main memory of a process, beside its model's weights and what the optimiser keeps of them."""
    most_memory_mb: AtLeastOne = 240000
    """Main memory that no attempt of a job goes beyond: that of the largest node."""
    longest_minutes: AtLeastOne = 240
    hang_minutes: Annotated[float, Field(ge=1, le=1e6)] = 30.0
    tflops: Positive = 60.0
    """10^12 operations a second that training gets out of a GPU, or out of a process's cores."""
    extra: str = ""

    @field_validator("gpu_model")
    @classmethod
    def _can_be_asked_for(cls, model: str | None) -> str | None:
        if model is not None and not EXECUTORS_MODEL.fullmatch(model):
            _refuse(_gpu_option(model, 1))
        return model

    @field_validator("extra")
    @classmethod
    def _is_left_to_users(cls, extra: str) -> str:
        try:
            shlex.split(extra)
        except ValueError as error:
            raise ValueError(f"no options of sbatch: {error}") from error
        _refuse(extra)
        return extra


def _refuse(extra: str) -> None:
    """Refuse now what the executor would refuse later, at the first job."""
    if not extra:
        return
    try:
        from snakemake_executor_plugin_slurm.validation import (  # type: ignore[import-untyped]
            WorkflowError,
            validate_slurm_extra,
        )
    except ImportError:  # these names are the executor's own, and promised to nobody
        return
    try:
        validate_slurm_extra(SimpleNamespace(resources=SimpleNamespace(slurm_extra=extra)))
    except WorkflowError as error:
        reason, _, _ = " ".join(str(error).split()).partition(" Please")
        raise ValueError(f"Snakemake's SLURM executor refuses it: {reason}") from error


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
class TaskCost:
    """Estimated cost of training a task's model."""

    flops_a_sample: float
    """Operations of a step, forward and backward, for each sample of its batch."""
    bytes: int
    """Main memory of one process for weights, optimiser and a checkpoint being written."""


_ESTIMATE = TypeAdapter(dict[str, TaskCost])


def read_estimate(folder: Path) -> dict[str, TaskCost]:
    """Return the cost by task; empty where nobody has estimated it, or the file is damaged."""
    path = folder / ESTIMATE
    if not path.exists():
        return {}
    with suppress(ValidationError):
        return _ESTIMATE.validate_json(path.read_bytes())
    return {}


def job_minutes(
    specs: Sequence[RunSpec], costs: Mapping[str, TaskCost], site: Site, *, attempt: int
) -> int:
    """Return the time limit of a job in minutes: its runs' estimate, at most the site's longest.

    Every further attempt asks for more: evaluations are not in the estimate, and a slice too short
    for one would be so again. A job whose limit comes before its end checkpoints, and SLURM queues
    it again.
    """
    if any(spec.task.name not in costs for spec in specs):
        return site.longest_minutes
    hours = sum(run_hours(spec, costs[spec.task.name], site) for spec in specs)
    wanted = (START_MINUTES + MARGIN * 60 * hours) * GROWTH ** (attempt - 1)
    return round(min(site.longest_minutes, wanted))


def run_hours(spec: RunSpec, cost: TaskCost, site: Site) -> float:
    """Return the estimated hours of a run: operations / (processes x rate)."""
    return run_flops(spec, cost) / (spec.training.processes * site.tflops * 1e12) / 3600


def run_flops(spec: RunSpec, cost: TaskCost) -> float:
    """Return the operations of a run's training, all processes together."""
    return cost.flops_a_sample * spec.training.batch_size * spec.training.steps


def job_memory(
    specs: Sequence[RunSpec], costs: Mapping[str, TaskCost], site: Site, *, attempt: int
) -> int:
    """Return the main memory of a job in MB: more at every attempt, at most the site's most."""
    wanted = needed_memory(specs, costs, site) * GROWTH ** (attempt - 1)
    return round(min(site.most_memory_mb, wanted))


def needed_memory(specs: Sequence[RunSpec], costs: Mapping[str, TaskCost], site: Site) -> int:
    """Return the main memory in MB of the largest run or stack, all its processes together."""

    def models(spec: RunSpec) -> int:
        task, count = spec.task.name, min(spec.training.stack, len(specs))
        return count * (costs[task].bytes // 2**20) if task in costs else 0

    return max(spec.training.processes * (site.memory_mb + models(spec)) for spec in specs)


def processes(specs: Sequence[RunSpec]) -> int:
    """Return the processes of the largest run; all of them must be on one node."""
    return max(spec.training.processes for spec in specs)


def job_cores(specs: Sequence[RunSpec], site: Site) -> int:
    """Return the cores of a job, those of all its processes together."""
    return max(spec.training.processes * max(site.cpus, spec.training.threads) for spec in specs)


def gpus_of(specs: Sequence[RunSpec]) -> int:
    """Return the GPUs of the run that takes most: one a process, none with `device: cpu`."""
    return max(0 if s.training.device == "cpu" else s.training.processes for s in specs)


def job_gpus(specs: Sequence[RunSpec], site: Site) -> int:
    """Return the GPUs that the executor asks for; 0 where `extra_options` do."""
    return gpus_of(specs) if site.gpus and not _needs_own_option(site) else 0


def extra_options(specs: Sequence[RunSpec], site: Site) -> str:
    """Return what else goes to `sbatch`: a site's own, and GPUs that the executor cannot name."""
    model, count = site.gpu_model if _needs_own_option(site) else None, gpus_of(specs)
    gpus = _gpu_option(model, count) if model and count else None
    return " ".join(filter(None, (gpus, site.extra)))


def _needs_own_option(site: Site) -> bool:
    model = site.gpu_model if site.gpus else None
    return model is not None and EXECUTORS_MODEL.fullmatch(model) is None


def _gpu_option(model: str, count: int) -> str:
    # Not --gpus, which the executor keeps to itself; on a single node the two are the same.
    return f"--gpus-per-node={model}:{count}"


def queue_options(site: Site) -> dict[str, Any]:
    """Return what every job of a site asks for, by the names of Snakemake's SLURM executor."""
    by_executor = site.gpus and not _needs_own_option(site)
    options = {
        "slurm_partition": site.partition,
        "slurm_account": site.account,
        "qos": site.qos,
        "constraint": site.constraint,
        "gpu_model": site.gpu_model if by_executor else None,
    }
    return {name: value for name, value in options.items() if value}
