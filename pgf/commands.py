"""The commands. Each imports what it needs when it is called: tables need no torch."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.errors import UserError, nearest
from pgf.runs import RunSpec, spec_from_dict

if TYPE_CHECKING:
    from pgf.config import Experiment

RESULTS = Path("results")
Options = argparse.Namespace
COMMANDS: dict[str, Callable[[Options], int | None]] = {}
WITHOUT_EXPERIMENT: dict[str, Callable[[Options], int | None]] = {}
"""Commands that say by their own options what they work on."""


def command(function: Callable[[Options], int | None]) -> Callable[[Options], int | None]:
    """Register a command under its function's name."""
    COMMANDS[function.__name__] = function
    return function


def add_options(name: str, action: argparse.ArgumentParser) -> None:
    """Add a command's own options."""
    if name == "reproduce":
        action.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
        action.add_argument("--profile", default="default", metavar="NAME")
    if name == "plan":
        action.add_argument("--json", type=Path, metavar="FILE", help="write the runs to a file")
        action.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    if name == "train":
        for axis in ("job", "task", "recipe", "target"):
            action.add_argument(f"--{axis}", help=f"only the runs of this {axis}")
        action.add_argument("--seed", type=int, help="only the runs of this seed")
        action.add_argument("--manifest", type=Path, help="file to write when all is done")
        action.add_argument("--log", type=Path, help="file to write the log to")
    if name == "collect":
        action.add_argument("--partial", action="store_true", help="let runs be missing")
        action.add_argument("--allow-mixed", action="store_true", help="let code versions differ")
    if name == "models":
        action.add_argument("names", nargs="*", metavar="NAME", help="models by timm's name")
        action.add_argument("--all", action="store_true", help="every model, in minutes")


@command
def reproduce(options: Options) -> int:
    """Train what is missing, then write and print tables, figures and the report."""
    from pgf import reproduce as work
    from pgf.config import experiment_path, load_experiment

    if options.jobs < 1:
        raise UserError(f"--jobs must be at least 1: {options.jobs}")
    if not (work.PROFILES / options.profile).is_dir():
        known = [p.name for p in work.PROFILES.iterdir()]
        raise UserError(f"no profile '{options.profile}': {nearest(options.profile, known)}")
    config, experiment = experiment_path(options.experiment), load_experiment(options.experiment)
    with work.only_one(experiment, RESULTS):
        pending = work.set_broken_aside(experiment, RESULTS)
        if pending:
            total = len(experiment.runs())
            print(f"{experiment.name}: {len(pending)} of {total} runs to train", file=sys.stderr)
            _check(experiment)
        code = work.run_snakemake(
            experiment, config, RESULTS, jobs=options.jobs, profile=options.profile
        )
        if code == 0:
            work.finish(experiment, config, RESULTS, profile=options.profile)
    return code


def _check(experiment: "Experiment") -> None:
    from pgf.preflight import check_runs
    from pgf.results import check_published

    check_published(experiment)
    check_runs(experiment.runs())


@command
def check(options: Options) -> None:
    """Check an experiment: its config, models, data and targets, without training."""
    from pgf.config import load_experiment

    experiment = load_experiment(options.experiment)
    _check(experiment)
    print(f"{options.experiment}: {len(experiment.runs())} runs, nothing wrong")


@command
def plan(options: Options) -> int:
    """Show the runs, the size of the DAG and the estimated cost, without training."""
    from pgf.config import load_experiment
    from pgf.plan import as_json, describe
    from pgf.results import check_published

    experiment = load_experiment(options.experiment)
    if options.json:
        options.json.write_text(as_json(experiment), encoding="utf-8")
        return 0
    check_published(experiment)
    text, ready = describe(experiment, RESULTS, jobs=options.jobs)
    print(text)
    return 0 if ready else 2


@command
def train(options: Options) -> None:
    """Train the runs of a job, or those that the options choose; complete runs are skipped.

    EXPERIMENT may be a .json file that `plan --json` wrote.
    """
    from pgf.jobs import run_job, write_manifest
    from pgf.progress import Reporter

    every, chosen = _choose_runs(options)
    if options.log:
        options.log.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(options.log, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger("pgf").addHandler(handler)
    reporter = Reporter(every, RESULTS)
    lines = run_job(chosen, RESULTS, announce=reporter.finished, progress=reporter.step)
    if options.manifest:
        write_manifest(options.manifest, options.job, lines)


def _choose_runs(options: Options) -> tuple[list[RunSpec], list[RunSpec]]:
    """Return all runs of the experiment, and those chosen."""
    if options.experiment.endswith(".json"):
        every = chosen = _read_plan(Path(options.experiment))
    else:
        from pgf.config import load_experiment

        experiment = load_experiment(options.experiment)
        every = chosen = experiment.runs()
        if options.job is not None:
            jobs = experiment.jobs()
            if options.job not in jobs:
                raise UserError(f"no job '{options.job}': {nearest(options.job, jobs)}")
            chosen = jobs[options.job]
    axes: dict[str, Callable[[RunSpec], str | int]] = {
        "task": lambda spec: spec.task.name,
        "recipe": lambda spec: spec.recipe.name,
        "target": lambda spec: spec.target,
        "seed": lambda spec: spec.seed,
    }
    for axis, value_of in axes.items():
        wanted = getattr(options, axis)
        if wanted is None:
            continue
        known = {value_of(spec) for spec in chosen}
        if wanted not in known:
            raise UserError(
                f"no run with {axis} '{wanted}': {nearest(str(wanted), map(str, known))}"
            )
        chosen = [spec for spec in chosen if value_of(spec) == wanted]
    return every, chosen


def _read_plan(path: Path) -> list[RunSpec]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return [spec_from_dict(value) for value in values]
    except FileNotFoundError as error:
        raise UserError(f"no plan {path}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise UserError(f"{path} is no plan that `plan --json` wrote ({error!r})") from error


@command
def collect(options: Options) -> None:
    """Gather the records into runs.csv and curves.parquet; a missing run is an error."""
    from pgf import collection
    from pgf.config import load_experiment

    experiment = load_experiment(options.experiment)
    collected = collection.collect(
        experiment.runs(), RESULTS, partial=options.partial, allow_mixed=options.allow_mixed
    )
    collection.write(collected, RESULTS / experiment.name)


@command
def tables(options: Options) -> None:
    """Write the tables from runs.csv and curves.parquet alone, in seconds."""
    from pgf.config import load_experiment
    from pgf.results import context_of
    from pgf.tables.registry import write_tables

    experiment = load_experiment(options.experiment)
    write_tables(context_of(experiment, RESULTS), RESULTS / experiment.name / "tables")


@command
def figures(options: Options) -> None:
    """Write the figures from runs.csv and curves.parquet alone."""
    from pgf.config import load_experiment
    from pgf.figures.registry import write_figures
    from pgf.results import context_of

    experiment = load_experiment(options.experiment)
    write_figures(context_of(experiment, RESULTS), RESULTS / experiment.name / "figures")


@command
def compute(options: Options) -> None:
    """Write what models and recipes cost (Tables 1, 17, 18): no run and no data are needed."""
    from pgf.compute.write import compute_tables, write_compute
    from pgf.config import load_experiment
    from pgf.results import PAPER, load_remarks
    from pgf.tables.published import load_published

    experiment = load_experiment(options.experiment)
    made = compute_tables(
        experiment.runs(),
        load_published(PAPER / "tables.csv"),
        experiment.analysis.published,
        remarks=load_remarks(),
        progress=lambda task: print(f"counting operations: {task}", file=sys.stderr),
    )
    write_compute(made, RESULTS / experiment.name / "compute")


@command
def select(options: Options) -> None:
    """Print the means by which settings are chosen, from runs.csv."""
    from pgf.collection import read
    from pgf.config import load_experiment
    from pgf.selection import describe

    experiment = load_experiment(options.experiment)
    print(describe(read(RESULTS / experiment.name).runs))


@command
def bench(options: Options) -> None:
    """Time a step of every recipe of a task at its last target, as ratios to dense."""
    from pgf.bench import measure
    from pgf.config import load_experiment

    runs = load_experiment(options.experiment).runs()
    for task in dict.fromkeys(run.task.name for run in runs):
        chosen = {run.recipe.name: run for run in runs if run.task.name == task}
        print(f"{task:<44}{'ms/step':>9}{'ratio':>8}{'spread':>8}")
        for name, milliseconds, ratio, spread in measure(list(chosen.values())):
            print(f"{name:<44}{milliseconds:>9.2f}{ratio:>8.3f}{spread:>8.3f}")


@command
def readme(options: Options) -> None:
    """Write the main table of an experiment into its block of the README or of its own page."""
    from pgf.config import load_experiment
    from pgf.readme import documents, results_block, with_block

    experiment = load_experiment(options.experiment)
    block = results_block(experiment, RESULTS)
    for path in documents(experiment.name, RESULTS):
        text = with_block(path.read_text(encoding="utf-8"), experiment.name, block)
        path.write_text(text, encoding="utf-8")


def models(options: Options) -> None:
    """Read the layer groups of timm's models, one of every family, into results/timm_models."""
    from pgf import model_survey

    rows = model_survey.survey(model_survey.choose(options.names, every=options.all))
    model_survey.write(rows, RESULTS / model_survey.FOLDER)
    print(model_survey.summary(rows))


WITHOUT_EXPERIMENT["models"] = models
