"""The workflow as the commands run it: its options, the checks before it, Snakemake itself."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Options, add_jobs, add_tensorboard
from pgf.errors import UserError, nearest

if TYPE_CHECKING:
    from pgf.experiments import Experiment
    from pgf.jobs import Machines


def add_reproduce(parser: argparse.ArgumentParser) -> None:
    add_jobs(parser)
    parser.add_argument(
        "--profile",
        default="default",
        metavar="NAME",
        help="a folder in workflow/profiles (%(default)s)",
    )
    parser.add_argument("--gpus", type=int, metavar="N", help="GPUs of this machine to use (all)")
    add_tensorboard(parser)
    parser.add_argument(
        "--partial", action="store_true", help="write the tables even where runs have failed"
    )


def check_options(options: Options) -> None:
    from pgf.jobs import PROFILES, load_site, site_path

    if options.tensorboard:
        from pgf.jobs import ask_for_events

        ask_for_events()
    if options.jobs < 1:
        raise UserError(f"--jobs must be at least 1: {options.jobs}")
    if not PROFILES.is_dir():
        raise UserError(f"no folder {PROFILES} here: run the command in the project's folder")
    known = [path.parent.name for path in sorted(PROFILES.glob("*/profile.yaml"))]
    if options.profile not in known:
        raise UserError(f"no profile '{options.profile}': {nearest(options.profile, known)}")
    site = site_path(options.profile)
    if site:
        load_site(site)
        if options.gpus is not None:
            raise UserError("--gpus counts GPUs of this machine; for SLURM set gpus in site.yaml")


def train_missing(
    experiment: "Experiment", config: Path, options: Options, *, runs_only: bool = False
) -> int:
    """Run the workflow after its checks, and return its exit code; see `run_snakemake`."""
    from pgf.jobs import (
        Machines,
        count_missing,
        left_over_jobs,
        run_snakemake,
        set_broken_aside,
        wait_for_jobs,
    )

    machines = Machines(jobs=options.jobs, profile=options.profile)
    left = left_over_jobs(experiment.name) if machines.site else []
    adopted = [job.name for job in left]
    if missing := count_missing(experiment, RESULTS):
        total = len(experiment.runs())
        print(f"{experiment.name}: {missing} of {total} runs to train", file=sys.stderr)
        _check(experiment, train_here=machines.site is None)
        machines = _with_gpus(machines, options.gpus, experiment)
        if machines.site:
            from pgf.jobs import write_estimate

            write_estimate(experiment.runs(), RESULTS / experiment.name)
    set_broken_aside(experiment, RESULTS, spare=adopted)
    if left:
        run_snakemake(experiment, config, RESULTS, machines, adopted=adopted)
        wait_for_jobs(experiment.name, left)
        set_broken_aside(experiment, RESULTS)  # they may have been of other settings
    return run_snakemake(experiment, config, RESULTS, machines, runs_only=runs_only)


def _with_gpus(machines: "Machines", count: int | None, experiment: "Experiment") -> "Machines":
    """Return the machines with the GPUs here, all of them unless a number is given.

    There are none to share out where all runs have `device: cpu`.
    """
    import torch

    from pgf.jobs import choose_gpus, gpus_of

    if machines.site or not gpus_of(experiment.runs()):
        return machines
    there = torch.cuda.device_count()
    return replace(machines, gpus=choose_gpus(there if count is None else count, there=there))


def _check(experiment: "Experiment", *, train_here: bool) -> None:
    from pgf.cli.evidence import examine
    from pgf.jobs import check_trainings
    from pgf.training import check_runs

    examine(experiment)
    check_trainings(experiment.runs())
    check_runs(experiment.runs(), train_here=train_here)
