"""The command `train`: called by the workflow's expensive rule, and by people for single runs."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgf.cli.registry import RESULTS, Group, Options, add_tensorboard, command
from pgf.errors import BusyError, UserError, nearest
from pgf.training import HANG_SECONDS

if TYPE_CHECKING:
    from pgf.experiments import Experiment, RunSpec
    from pgf.training import Run

    Announce = Callable[[RunSpec, dict[str, Any], RunSpec | None], None]

EXIT_CTRL_C = 130


def _add_train(parser: argparse.ArgumentParser) -> None:
    for axis in ("job", "task", "recipe", "target"):
        parser.add_argument(f"--{axis}", help=f"only the runs of this {axis}")
    parser.add_argument("--seed", type=int, help="only the runs of this seed")
    parser.add_argument("--manifest", type=Path, help="file to write when all is done")
    add_tensorboard(parser)
    parser.add_argument("--log", type=Path, help="file to append the log to")
    parser.add_argument(
        "--hang-minutes",
        type=float,
        default=HANG_SECONDS / 60,
        metavar="N",
        help="end a process that gives no sign of life for so long (%(default)g)",
    )


@command(group=Group.RUN, arguments=_add_train)
def train(options: Options) -> int:
    """Train single runs: those of a job, recipe, target or seed; complete runs are skipped.

    Asked to stop, by Ctrl-C, SIGTERM, SIGUSR1 or the end of a SLURM job's time, it writes a
    checkpoint, and the same command goes on from there. It returns 130 after Ctrl-C, else 75.
    """
    if not 0 < options.hang_minutes <= 1e6:
        raise UserError(f"--hang-minutes must be above 0 and at most 1e6: {options.hang_minutes}")
    from pgf.experiments import load_experiment

    experiment = load_experiment(options.experiment)
    chosen = _choose_runs(experiment, options)
    processes = _processes(chosen)

    from pgf.jobs import claimed_gpus, gpus_of, run_in_processes
    from pgf.training import parallel  # torch comes with them

    if parallel.launched_processes() == 1:
        with claimed_gpus(gpus_of(chosen)):
            if processes > 1:
                return run_in_processes(processes, sys.argv[1:])
            return _train(options, experiment, chosen)
    if parallel.launched_processes() != processes:
        raise UserError(
            f"torchrun started {parallel.launched_processes()} processes; training.processes of "
            f"these runs is {processes}"
        )
    with parallel.group(on_gpus=chosen[0].training.device != "cpu"):
        return _train(options, experiment, chosen)


def _processes(chosen: "Sequence[RunSpec]") -> int:
    counts = {spec.training.processes: spec.task.name for spec in chosen}
    if len(counts) > 1:
        raise UserError(
            "these runs differ in training.processes "
            f"({', '.join(f'{task}: {count}' for count, task in counts.items())}): choose those "
            "of one --task"
        )
    return next(iter(counts))


def _train(options: Options, experiment: "Experiment", chosen: "Sequence[RunSpec]") -> int:
    from pgf.jobs import (
        after_busy,
        after_interruption,
        ask_for_events,
        check_trainings,
        run_job,
        watch_of_this_job,
        write_manifest,
    )
    from pgf.training import TO_BE_CONTINUED, InterruptedRunError, parallel

    if parallel.rank() > 0:
        logging.getLogger("pgf").setLevel(logging.ERROR)
    elif options.log:
        _log_to(options.log)
    if options.tensorboard:
        ask_for_events()
    check_trainings(chosen)
    watch = watch_of_this_job(hang_minutes=options.hang_minutes)
    with watch.on_duty():
        try:
            announce, progress = _listeners(experiment)
            lines = run_job(chosen, RESULTS, announce=announce, progress=progress, watch=watch)
        except InterruptedRunError as error:
            if parallel.rank() == 0:
                print(after_interruption(watch, str(error)), file=sys.stderr)
            parallel.together()  # torchrun ends who is left when the first has gone
            return EXIT_CTRL_C if watch.signalled == "SIGINT" else TO_BE_CONTINUED
        except BusyError as error:
            print(after_busy(str(error)), file=sys.stderr)
            return TO_BE_CONTINUED
    if options.manifest and parallel.rank() == 0:
        write_manifest(options.manifest, options.job, lines)
    return 0


def _listeners(experiment: "Experiment") -> "tuple[Announce, Callable[[Run], None]]":
    """Return what is told of finished runs and of steps: the terminal, and TensorBoard if asked."""
    from pgf.jobs import ProgressReporter, events_of

    reporter, events = ProgressReporter(experiment.jobs(), RESULTS), events_of(RESULTS)
    if events is None:
        return reporter.finished, reporter.step

    def announce(spec: "RunSpec", record: dict[str, Any], following: "RunSpec | None") -> None:
        events.finished(spec)
        reporter.finished(spec, record, following)

    def progress(run: "Run") -> None:
        events.step(run)
        reporter.step(run)

    return announce, progress


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger("pgf").addHandler(handler)


def _choose_runs(experiment: "Experiment", options: Options) -> "list[RunSpec]":
    """Return the runs that the options name, all of them by default."""
    chosen = experiment.runs()
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
    return chosen
