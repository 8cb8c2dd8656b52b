"""The facade of the workflow: all that Snakemake's rules ask of the package.

Parsed anew in every job, so nothing here imports torch or pandas, or looks through the results.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pgf import jobs
from pgf.analysis import DASHBOARD, figure_files, table_files
from pgf.cli.registry import RESULTS
from pgf.costs import compute_files
from pgf.errors import UserError, nearest
from pgf.experiments import (
    Experiment,
    RunSpec,
    experiment_path,
    job_fingerprint,
    load_experiment,
)
from pgf.jobs import Site, TaskCost, load_site, read_estimate

__all__ = ["Dag", "UserError"]

KEYS = ("experiment", "site", "gpus", "adopted")
"""The keys of `workflow/config.yaml`."""
SMALL_MINUTES = 30
SMALL_MEMORY_MB = 8000
V = TypeVar("V")


@dataclass(frozen=True)
class Dag:
    """The files and jobs of one experiment, and what its jobs ask of a machine or a site."""

    config: Path
    """The experiment's own file."""
    experiment: Experiment
    site: Site
    adopted: tuple[str, ...] = ()
    """Jobs that an earlier workflow has left in SLURM's queue."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> "Dag":
        """Return the DAG that the workflow's config asks for.

        Args:
            values: `workflow/config.yaml`, and over it what `--config` gives.

        Raises:
            UserError: an unknown key, no such experiment or site, or one that is wrong.
        """
        for key in values:
            if key not in KEYS:
                raise UserError(f"--config: unknown key '{key}'; {nearest(str(key), KEYS)}")
        config = experiment_path(str(values.get("experiment") or "laptop"))
        site = values.get("site")
        # GPU 0 alone arrives as a number.
        on_gpus = values.get("gpus") not in (None, "")
        return cls(
            config=config,
            experiment=load_experiment(str(config)),
            site=load_site(Path(site)) if site else Site(gpus=on_gpus, cpus=1),
            adopted=tuple(str(values.get("adopted") or "").split()),
        )

    @property
    def results(self) -> str:
        """The experiment's folder."""
        return str(RESULTS / self.experiment.name)

    @cached_property
    def jobs(self) -> dict[str, list[RunSpec]]:
        """The runs of every job, by the job's name."""
        return self.experiment.jobs()

    @cached_property
    def costs(self) -> dict[str, TaskCost]:
        """The estimated cost by task; empty where nobody has estimated it yet."""
        return read_estimate(Path(self.results))

    def manifests(self, *, adopted: bool = True) -> list[str]:
        """Return the declared outputs of all jobs, or of those that are not adopted."""
        names = [job for job in self.jobs if adopted or job not in self.adopted]
        return [f"{self.results}/packs/{job}.json" for job in names]

    def tables(self) -> list[str]:
        """Return the files of all tables."""
        return [f"{self.results}/tables/{name}" for name in table_files()]

    def figures(self) -> list[str]:
        """Return the files of all figures."""
        names = figure_files(self.experiment.tasks, self.experiment.families())
        return [f"{self.results}/figures/{name}" for name in names]

    def dashboard(self) -> str:
        """Return the file of the experiment's dashboard."""
        return f"{self.results}/{DASHBOARD}"

    def compute(self) -> list[str]:
        """Return the files of the costs of models and recipes."""
        return [f"{self.results}/compute/{name}" for name in compute_files()]

    def fingerprint(self, job: str) -> str:
        """Return a hash of a job's settings and of the code that changes its numbers."""
        return job_fingerprint(self.jobs[job])

    def cores(self, job: str) -> int:
        """Return the cores of a job."""
        return jobs.job_cores(self.jobs[job], self.site)

    def gpus(self, job: str) -> int:
        """Return the GPUs of a job."""
        return jobs.job_gpus(self.jobs[job], self.site)

    def extra_options(self, job: str) -> str:
        """Return what else goes to `sbatch` for a job."""
        return jobs.extra_options(self.jobs[job], self.site)

    def minutes(self, job: str, *, attempt: int) -> int:
        """Return the time limit of a job in minutes."""
        return jobs.job_minutes(self.jobs[job], self.costs, self.site, attempt=attempt)

    def memory(self, job: str, *, attempt: int) -> int:
        """Return the main memory of a job in MB."""
        return jobs.job_memory(self.jobs[job], self.costs, self.site, attempt=attempt)

    def queue_options(self) -> dict[str, Any]:
        """Return what every training job of the site asks for."""
        return jobs.queue_options(self.site)

    def small_job(self) -> dict[str, Any]:
        """Return what a job without a GPU asks for, that builds models and trains none."""
        options = {k: v for k, v in jobs.queue_options(self.site).items() if k != "gpu_model"}
        memory = min(SMALL_MEMORY_MB, self.site.most_memory_mb)
        minutes = min(SMALL_MINUTES, self.site.longest_minutes)
        extra = {"slurm_extra": self.site.extra} if self.site.extra else {}
        return {**options, "mem_mb": memory, "runtime": minutes, **extra}

    def agreed(self, find: Callable[[str], V]) -> V | None:
        """Return what `find` gives for every job if that is one value, else None."""
        values: Sequence[V] = list({find(job) for job in self.jobs})
        return values[0] if len(values) == 1 else None
