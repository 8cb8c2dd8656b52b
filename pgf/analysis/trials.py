"""The validation loss of every trial of a tuning, and the best trial of each cell."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pgf.experiments import Cell, Experiment, RunSpec, Trial, trial_key
from pgf.records import read_run, why_incomplete

DIGITS = 6
"""Of a loss in a selection file."""


def trial_losses(
    stage: Experiment, trials: Sequence[Trial], results: Path, *, finished: bool = False
) -> dict[Trial, float]:
    """Return the mean validation loss over seeds of every trial of a stage.

    Infinite where a run diverged. A task without a loss counts by its metric, turned.

    Args:
        stage: the experiment that trains them.
        trials: those to read.
        results: the folder of results.
        finished: leave out trials whose runs are not all complete, instead of refusing them.

    Raises:
        UserError: a run is not there, or is not what was written.
    """
    runs: dict[tuple[str, str, str], list[RunSpec]] = {}
    for spec in stage.runs():
        runs.setdefault((spec.task.name, spec.target, spec.recipe.name), []).append(spec)
    found = {}
    for trial in trials:
        specs = runs[trial.cell.stage_task, trial.cell.target, trial.name]
        if finished and any(why_incomplete(spec, results) for spec in specs):
            continue
        loss = fmean(_loss(read_run(spec.directory(results))) for spec in specs)
        # Rounded as in the file: whoever goes on from there compares the same numbers.
        found[trial] = float(f"{loss:.{DIGITS}g}") if math.isfinite(loss) else math.inf
    return found


def _loss(record: Mapping[str, Any]) -> float:
    if record["status"] != "complete" or record["final"] is None:
        return math.inf
    if record.get("final_loss") is not None:
        return float(record["final_loss"])
    return float(record["final"]) * (-1.0 if record["higher_is_better"] else 1.0)


def winners(losses: Mapping[Trial, float]) -> dict[Cell, Trial]:
    """Return the trial of least loss of every cell; of equal ones the first."""
    best: dict[Cell, Trial] = {}
    for trial, loss in losses.items():
        if trial.cell not in best or loss < losses[best[trial.cell]]:
            best[trial.cell] = trial
    return best


def choices_of(losses: Mapping[Trial, float]) -> dict[str, Any]:
    """Return the content of a selection file: task, target, column -> choice and its trials."""
    chosen: dict[str, Any] = {}
    for cell, best in winners(losses).items():
        own = {trial: loss for trial, loss in losses.items() if trial.cell == cell}
        entry = {
            "learning_rate": best.learning_rate,
            "options": dict(best.options),
            "loss": _written(losses[best]),
            "trials": {
                trial_key(trial.learning_rate, dict(trial.options)): _written(loss)
                for trial, loss in own.items()
            },
        }
        chosen.setdefault(cell.task, {}).setdefault(cell.target, {})[cell.column] = entry
    return chosen


def _written(loss: float) -> float | str:
    return float(f"{loss:.{DIGITS}g}") if math.isfinite(loss) else "diverged"
