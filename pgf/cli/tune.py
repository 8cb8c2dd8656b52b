"""The command `tune`: each column's learning rate, found on validation data."""

import sys
from pathlib import Path
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


@command(group=Group.RUN, arguments=add_reproduce)
def tune(options: Options) -> int:
    """Find each column's learning rate on validation data, and write the selection file."""
    from pgf.analysis import choices_of, trial_losses, winners
    from pgf.experiments import (
        FIRST,
        SECOND,
        experiment_path,
        first_grids,
        grid_trials,
        load_experiment,
        longer_grids,
        read_config,
        refining_trials,
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
    grids = first_grids(experiment)
    try:
        while True:
            trials = grid_trials(experiment, grids)
            stage = _train_stage(experiment, values, FIRST, trials, options)
            losses = trial_losses(stage, trials, RESULTS)
            best = {cell: trial.learning_rate for cell, trial in winners(losses).items()}
            longer = longer_grids(experiment, grids, best)
            if longer == grids:
                _name_edges(best, grids)
                break
            _tell_longer(grids, longer)
            grids = longer
        trials = refining_trials(experiment, best)
        stage = _train_stage(experiment, values, SECOND, trials, options)
    except StageFailedError as error:
        return error.code
    losses |= trial_losses(stage, trials, RESULTS)
    path = selection_path(experiment.name)
    seeds = len(experiment.tuning.seeds)
    settings = experiment.tuning_fingerprint()
    write_atomically(path, selection_text(experiment.name, settings, seeds, choices_of(losses)))
    print(f"{path}: {len(losses)} trials of {len(best)} columns and targets")
    return 0


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


def _train_stage(
    experiment: "Experiment",
    values: dict[str, Any],
    name: str,
    trials: "list[Trial]",
    options: Options,
) -> "Experiment":
    """Train what is missing of a stage, whose config is written beside its results."""
    import yaml

    from pgf.experiments import load_experiment, stage_values
    from pgf.jobs import only_one
    from pgf.records import failure_summary, write_atomically

    content = stage_values(values, experiment, name, trials)
    folder: Path = RESULTS / content["name"]
    path = folder / f"{content['name']}.yaml"
    write_atomically(path, yaml.safe_dump(content, sort_keys=False, width=100))
    stage = load_experiment(str(path))
    with only_one(stage, RESULTS):
        code = train_missing(stage, path, options, runs_only=True)
    if code:
        print(failure_summary(stage.runs(), RESULTS), file=sys.stderr)
        raise StageFailedError(code)
    return stage
