"""The whole of an experiment, by Snakemake, and what is checked before it."""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Options, add_jobs, command
from pgf.errors import UserError, nearest

if TYPE_CHECKING:
    from pgf.experiments.config import Experiment
    from pgf.jobs.reproduce import Machines


def _add_reproduce(parser: argparse.ArgumentParser) -> None:
    add_jobs(parser)
    parser.add_argument("--profile", default="default", metavar="NAME")
    parser.add_argument(
        "--gpus", type=int, metavar="N", help="GPUs of this machine to share out; all of them"
    )
    parser.add_argument(
        "--partial", action="store_true", help="write tables of what is there if runs fail"
    )


@command(arguments=_add_reproduce)
def reproduce(options: Options) -> int:
    """Train what is missing, then write and print tables, figures and the report."""
    from pgf.experiments.config import experiment_path, load_experiment
    from pgf.jobs import reproduce as work
    from pgf.records.failures import summary

    _check_options(options)
    config, experiment = experiment_path(options.experiment), load_experiment(options.experiment)
    with work.only_one(experiment, RESULTS):
        code = _train_missing(experiment, config, options)
        if code:
            print(summary(experiment.runs(), RESULTS), file=sys.stderr)
        if code and options.partial:
            _write_partial(experiment)
        if code == 0 or options.partial:
            work.finish(experiment, config, RESULTS)
    return code


def _check_options(options: Options) -> None:
    from pgf.jobs.slurm.sites import PROFILES, load_site, site_path

    if options.jobs < 1:
        raise UserError(f"--jobs must be at least 1: {options.jobs}")
    if not (PROFILES / options.profile).is_dir():
        known = [p.name for p in PROFILES.iterdir()]
        raise UserError(f"no profile '{options.profile}': {nearest(options.profile, known)}")
    site = site_path(options.profile)
    if site:
        load_site(site)
        if options.gpus is not None:
            raise UserError("--gpus is for GPUs of this machine; with SLURM site.yaml has them")


def _train_missing(experiment: "Experiment", config: Path, options: Options) -> int:
    from pgf.jobs import reproduce as work
    from pgf.jobs.slurm import adoption

    machines = work.Machines(jobs=options.jobs, profile=options.profile)
    left = adoption.left_over(experiment.name) if machines.site else []
    adopted = [job.name for job in left]
    pending = work.set_broken_aside(experiment, RESULTS, spare=adopted)
    if pending:
        total = len(experiment.runs())
        print(f"{experiment.name}: {len(pending)} of {total} runs to train", file=sys.stderr)
        _check(experiment, train_here=machines.site is None)
        machines = _with_gpus(machines, options.gpus)
        if machines.site:
            from pgf.jobs.slurm.estimate import write_estimate

            write_estimate(experiment.runs(), RESULTS / experiment.name)
    if left:
        work.run_snakemake(experiment, config, RESULTS, machines, adopted=adopted)
        adoption.wait_for(experiment.name, left)
        work.set_broken_aside(experiment, RESULTS)  # they may have been of other settings
    return work.run_snakemake(experiment, config, RESULTS, machines)


def _with_gpus(machines: "Machines", count: int | None) -> "Machines":
    """Return the machines with the GPUs here, all of them unless a number is given."""
    import torch

    from pgf.jobs.gpus import choose

    if machines.site:
        return machines
    there = torch.cuda.device_count()
    return replace(machines, gpus=choose(there if count is None else count, there=there))


def _write_partial(experiment: "Experiment") -> None:
    from pgf.analysis.figures.registry import write_figures
    from pgf.analysis.results import context_of
    from pgf.analysis.tables.registry import write_tables
    from pgf.records import collection

    folder = RESULTS / experiment.name
    collection.write(collection.collect(experiment.runs(), RESULTS, partial=True), folder)
    context = context_of(experiment, RESULTS)
    write_tables(context, folder / "tables")
    write_figures(context, folder / "figures")


def _check(experiment: "Experiment", *, train_here: bool = True) -> None:
    from pgf.analysis.results import check_published
    from pgf.training.preflight import check_runs

    check_published(experiment)
    check_runs(experiment.runs(), train_here=train_here)


@command()
def check(options: Options) -> None:
    """Check an experiment: its config, models, data and targets, without training."""
    from pgf.experiments.config import load_experiment

    experiment = load_experiment(options.experiment)
    _check(experiment)
    print(f"{options.experiment}: {len(experiment.runs())} runs, nothing wrong")
