"""What an experiment would cost, without training it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pgf.cli.registry import RESULTS, Options, add_jobs, command

if TYPE_CHECKING:
    from pgf.experiments.config import Experiment


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the runs to a file")
    add_jobs(parser)


@command(arguments=_add_plan)
def plan(options: Options) -> int:
    """Show the runs, the size of the DAG and the estimated cost, without training."""
    from pgf.analysis.results import check_published
    from pgf.experiments.config import load_experiment
    from pgf.jobs.plan import as_json, describe

    experiment = load_experiment(options.experiment)
    if options.json:
        options.json.write_text(as_json(experiment), encoding="utf-8")
        return 0
    check_published(experiment)
    text, ready = describe(experiment, RESULTS, jobs=options.jobs)
    print(text)
    return 0 if ready else 2


@command()
def compute(options: Options) -> None:
    """Write what models and recipes cost (Tables 1, 17, 18): no run and no data are needed."""
    from pgf.analysis.results import PAPER, load_remarks
    from pgf.analysis.tables.published import load_published
    from pgf.costs.compute.write import compute_tables, write_compute
    from pgf.experiments.config import load_experiment

    experiment = load_experiment(options.experiment)
    made = compute_tables(
        experiment.runs(),
        load_published(PAPER / "tables.csv"),
        experiment.analysis.published,
        remarks=load_remarks(),
        progress=lambda task: print(f"counting operations: {task}", file=sys.stderr),
    )
    write_compute(made, RESULTS / experiment.name / "compute")


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", help="only these: masks, steps, sweep ...; else all")
    parser.add_argument(
        "--readme", action="store_true", help="measure nothing; write the README's summary"
    )


@command(arguments=_add_bench, experiment=False)
def bench(options: Options) -> None:
    """Measure what masks, steps and sweeps cost here, into results/bench."""
    from pgf.costs.bench.registry import find_part, part_names
    from pgf.costs.bench.report import FOLDER, write

    if options.readme:
        from pgf.analysis.readme import README, with_block
        from pgf.costs.bench.summary import summary_block

        text = README.read_text(encoding="utf-8")
        made = with_block(text, FOLDER, summary_block(RESULTS / FOLDER))
        README.write_text(made, encoding="utf-8")
        return
    measures = {name: find_part(name) for name in options.parts or part_names()}
    for name, measure in measures.items():
        part = measure(lambda text: print(text, file=sys.stderr))
        data, page = write({name: part}, RESULTS / FOLDER)
    print(page.read_text(encoding="utf-8"))
    print(f"{data}\n{page}")


@command()
def steps(options: Options) -> None:
    """Time a step of every recipe of an experiment's tasks, as ratios to dense."""
    from pgf.costs.bench.experiment import measure
    from pgf.experiments.config import load_experiment

    runs = load_experiment(options.experiment).runs()
    for task in dict.fromkeys(run.task.name for run in runs):
        chosen = {run.recipe.name: run for run in runs if run.task.name == task}
        print(f"{task:<44}{'ms/step':>9}{'ratio':>8}{'spread':>8}")
        for name, milliseconds, ratio, spread in measure(list(chosen.values())):
            print(f"{name:<44}{milliseconds:>9.2f}{ratio:>8.3f}{spread:>8.3f}")


def _add_hours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiments", nargs="*", help="all that show a table of the paper")
    parser.add_argument("--tflops", type=float, metavar="N", help="10^12 operations/s of one GPU")


@command(arguments=_add_hours, experiment=False)
def hours(options: Options) -> None:
    """Write what experiments would cost in GPU hours, into results/gpu_hours."""
    from pgf.analysis.tables.render import to_markdown
    from pgf.costs.gpu_hours import FOLDER, hours_table, write
    from pgf.errors import UserError
    from pgf.experiments.config import CONFIGS, load_experiment
    from pgf.jobs.slurm.sites import Site

    if options.tflops is not None and options.tflops <= 0:
        raise UserError(f"--tflops must be positive: {options.tflops}")
    every = [load_experiment(path.stem) for path in sorted(CONFIGS.glob("*.yaml"))]
    chosen = [load_experiment(name) for name in options.experiments] or [
        experiment for experiment in every if _is_the_papers(experiment)
    ]
    site = Site() if options.tflops is None else Site(tflops=options.tflops)
    table = hours_table(chosen, site)
    write(table, RESULTS / FOLDER)
    print(to_markdown(table))


def _is_the_papers(experiment: "Experiment") -> bool:
    published = experiment.analysis.published.values()
    return any(entry.same_setup for entries in published for entry in entries)
