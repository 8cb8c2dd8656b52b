"""The command `tune`: each column's learning rate, found on validation data."""

import argparse
import math
import sys
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pgf.cli.evidence import examine
from pgf.cli.registry import RESULTS, Group, Options, command
from pgf.cli.workflow import add_reproduce, check_options, train_missing
from pgf.errors import UserError

if TYPE_CHECKING:
    from pgf.experiments import Cell, Experiment, Grids, Trial


class StageFailedError(Exception):
    """Runs of a stage are missing; the exit code of the workflow."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def _add_tune(parser: argparse.ArgumentParser) -> None:
    add_reproduce(parser)
    parser.add_argument(
        "--so-far",
        action="store_true",
        help="train nothing: write the trials that have finished into the selection file, from "
        "which `pgf tune` goes on, here or on another machine",
    )


@command(group=Group.RUN, arguments=_add_tune)
def tune(options: Options) -> int:
    """Find each column's learning rate on validation data, and write the selection file."""
    from pgf.analysis import choices_of
    from pgf.experiments import (
        experiment_path,
        load_experiment,
        read_config,
        selection_path,
        selection_text,
        with_lengths,
    )
    from pgf.records import write_atomically

    check_options(options)
    experiment = load_experiment(options.experiment, tuned=False)
    if experiment.tuning is None:
        raise UserError(f"{options.experiment} has no key `tuning`: there is nothing to tune")
    examine(experiment)
    values = with_lengths(read_config(experiment_path(options.experiment)))
    losses: dict[Trial, float] = {}
    unfinished = False
    try:
        _find_losses(experiment, values, losses, options)
    except StageFailedError as error:
        if not options.so_far:
            return error.code
        unfinished = True
        losses = {**_known(experiment), **losses}
    if not losses:
        raise UserError(f"no trial of {experiment.name} has finished: pgf tune {experiment.name}")
    path, settings = selection_path(experiment.name), experiment.tuning_fingerprints()
    seeds, found = len(experiment.tuning.seeds), choices_of(losses)
    text = selection_text(experiment.name, settings, seeds, found, unfinished=unfinished)
    write_atomically(path, text)
    columns = len({trial.cell for trial in losses})
    more = f"; the others are missing: pgf tune {experiment.name}" if unfinished else ""
    print(f"{path}: {len(losses)} trials of {columns} columns and targets{more}")
    return 0


def _find_losses(
    experiment: "Experiment",
    values: dict[str, Any],
    losses: "dict[Trial, float]",
    options: Options,
) -> None:
    """Put the losses of all trials of both stages into `losses`.

    Raises:
        StageFailedError: some are missing.
    """
    from pgf.analysis import winners
    from pgf.experiments import (
        FIRST,
        SECOND,
        first_grids,
        grid_trials,
        longer_grids,
        refining_trials,
    )

    grids = first_grids(experiment)
    while True:
        trials = grid_trials(experiment, grids)
        _try(experiment, values, (FIRST, trials), losses, options)
        best = {cell: trial.learning_rate for cell, trial in winners(losses).items()}
        longer = longer_grids(experiment, grids, best)
        if longer == grids:
            break
        _tell_longer(grids, longer)
        grids = longer
    _name_edges(best, grids)
    _try(experiment, values, (SECOND, refining_trials(experiment, best)), losses, options)


def _known(experiment: "Experiment") -> "dict[Trial, float]":
    """Return every trial that the selection file holds, of stages that are not reached yet too."""
    from pgf.experiments import Cell, Trial, known_trials, trial_of

    found = {}
    for cell, trials in known_trials(experiment.name, experiment.tuning_fingerprints()).items():
        for key, loss in trials.items():
            rate, options = trial_of(key)
            trial = Trial(Cell(*cell), rate, tuple(options.items()))
            found[trial] = math.inf if loss == "diverged" else float(loss)
    return found


def _try(
    experiment: "Experiment",
    values: dict[str, Any],
    stage: "tuple[str, list[Trial]]",
    losses: "dict[Trial, float]",
    options: Options,
) -> None:
    """Train what a stage's trials lack; what the selection file has is not trained again."""
    from pgf.analysis import trial_losses
    from pgf.experiments import known_trials, load_experiment, trial_key
    from pgf.jobs import only_one

    (name, trials), fresh, found = stage, [], {}
    known = known_trials(experiment.name, experiment.tuning_fingerprints())
    for trial in trials:
        cell = trial.cell
        key = trial_key(trial.learning_rate, dict(trial.options))
        loss = known.get((cell.task, cell.target, cell.column), {}).get(key)
        if loss is not None:
            found[trial] = math.inf if loss == "diverged" else float(loss)
        elif trial not in losses:
            fresh.append(trial)
    if fresh:
        # The jobs of a tuning that is running read its config: nobody else may write it.
        whole = f"{experiment.name}_{name}"
        held = nullcontext() if options.so_far else only_one(whole, RESULTS)
        with held, TemporaryDirectory() if options.so_far else nullcontext(RESULTS) as folder:
            config = _write_stage(experiment, values, name, fresh, Path(folder))
            if not options.so_far:
                _train(config, options)
            own = load_experiment(str(config))
            found |= trial_losses(own, fresh, RESULTS, finished=options.so_far)
    # In the order of the trials, wherever they come from: of equal ones the first wins.
    losses |= {trial: found[trial] for trial in trials if trial in found}
    if not set(trials) <= set(losses):
        raise StageFailedError(1)


def _tell_longer(grids: "Grids", longer: "Grids") -> None:
    grown: dict[tuple[str, str], list[str]] = {}
    for (task, column), rates in longer.items():
        if rates != grids[task, column]:
            shown = ", ".join(f"{rate:g}" for rate in rates)
            grown.setdefault((task, shown), []).append(column)
    for (task, shown), columns in grown.items():
        every = len(columns) > 1
        whose = "of all columns" if every else f"of {columns[0]} alone"
        print(f"{task}: a winner on the edge; rates {whose}: {shown}", file=sys.stderr)


def _name_edges(best: "dict[Cell, float]", grids: "Grids") -> None:
    from pgf.experiments import is_on_edge

    for cell, rate in best.items():
        if is_on_edge(rate, grids[cell.task, cell.column]):
            where = f"{cell.column} at {cell.target} of {cell.task}"
            print(f"{where}: the best rate, {rate:g}, lies on the edge still", file=sys.stderr)


def _write_stage(
    experiment: "Experiment",
    values: dict[str, Any],
    name: str,
    trials: "list[Trial]",
    folder: Path,
) -> Path:
    """Write the config of a stage, in a folder of its own below another."""
    import yaml

    from pgf.experiments import stage_values
    from pgf.records import write_atomically

    content = stage_values(values, experiment, name, trials)
    path = folder / content["name"] / f"{content['name']}.yaml"
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, width=100))
    return path


def _train(config: Path, options: Options) -> None:
    from pgf.experiments import load_experiment
    from pgf.records import failure_summary

    stage = load_experiment(str(config))
    if code := train_missing(stage, config, options, runs_only=True):
        print(failure_summary(stage.runs(), RESULTS), file=sys.stderr)
        raise StageFailedError(code)
