"""Tuning: the runs that find each column's learning rate, as experiments of their own.

Two stages, with the same number of trials for every column of a task but `removed`. First a grid
of learning rates, which grows for a whole task while a winner lies on its edge. Then, around each
winner, two more trials: what the recipe refines, such as SR-STE's lambda a tenth and ten times as
large, for every other recipe the rate by a factor of the root of 2 up and down. Every trial is
trained at full length on a validation split, with seeds that no table has.

The column `removed` trains almost nothing, and its best rates are far above the others'. Its grid
grows alone: it has as many trials as the others, or more, which makes admission harder.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pgf.errors import UserError
from pgf.experiments.experiment import Experiment
from pgf.recipes import Target, find_recipe

RATE_FACTORS = (2**-0.5, 2**0.5)
MOST_RATES = 12
"""Rates of a grid at most: the command names winners that then still lie on the edge."""
Grids = dict[tuple[str, str], list[float]]
"""(task, column) -> its learning rates, rising."""
HARDLY_EVER = 1_000_000
"""Steps between statistics of a trial: nobody looks at them, and they take time."""
LAST_ALONE = {"evaluations": 1, "keep": "nothing"}
"""A trial is judged by its last evaluation, and nobody wants its model."""
FIRST, SECOND = "tuning", "refinement"
"""Names of the two stages, behind the experiment's own."""


@dataclass(frozen=True)
class Cell:
    """A column of a task at a target; a dense column's target is `dense`."""

    task: str
    target: str
    column: str

    @property
    def stage_task(self) -> str:
        """Name of the task in a stage: one for each target."""
        return f"{self.task}.{Target.parse(self.target).slug.replace('+', '.')}"


@dataclass(frozen=True)
class Trial:
    """One setting of a cell that is tried."""

    cell: Cell
    learning_rate: float
    options: tuple[tuple[str, float], ...] = ()
    """Options of the recipe that differ from the column's."""

    @property
    def name(self) -> str:
        """Name of the trial's column in its stage."""
        more = "".join(f".{key}{value:g}" for key, value in self.options)
        return f"{self.cell.column}.lr{self.learning_rate:g}{more}"


def cells_of(experiment: Experiment) -> list[Cell]:
    """Return every cell that is tuned by itself."""
    return [
        Cell(task, target, column)
        for task in experiment.tasks
        for column, target in experiment.cells_of(task)
    ]


def first_grids(experiment: Experiment) -> Grids:
    """Return the grid that tuning starts with."""
    assert experiment.tuning is not None
    rates = list(experiment.tuning.learning_rates)
    return {(cell.task, cell.column): rates for cell in cells_of(experiment)}


def grid_trials(experiment: Experiment, grids: Grids) -> list[Trial]:
    """Return the trials of the first stage."""
    cells = cells_of(experiment)
    return [Trial(cell, rate) for cell in cells for rate in grids[cell.task, cell.column]]


def trial_counts(experiment: Experiment) -> tuple[int, int]:
    """Return the runs of the first grid and those of the second stage."""
    assert experiment.tuning is not None
    best = dict.fromkeys(cells_of(experiment), experiment.tuning.learning_rates[0])
    grid = grid_trials(experiment, first_grids(experiment))
    stages = grid, refining_trials(experiment, best)
    first, second = (len(trials) * len(experiment.tuning.seeds) for trials in stages)
    return first, second


def refining_trials(experiment: Experiment, best: Mapping[Cell, float]) -> list[Trial]:
    """Return the trials of the second stage; `best` has the first one's winning rates."""
    return [trial for cell, rate in best.items() for trial in _around(experiment, cell, rate)]


def _around(experiment: Experiment, cell: Cell, rate: float) -> Iterator[Trial]:
    entry = experiment.recipes[cell.column]
    recipe = find_recipe(entry.recipe or cell.column)
    try:
        refinements = recipe.refinements(entry.options)
    except UserError as error:
        raise UserError(f"recipes.{cell.column}: {error}") from error
    for options in refinements:
        yield Trial(cell, rate, tuple(options.items()))
    if not refinements:
        for factor in RATE_FACTORS:
            yield Trial(cell, _rounded(rate * factor))


def _rounded(rate: float) -> float:
    """Return a rate with three digits, so that it is written as it is used."""
    return float(f"{rate:.3g}")


def longer_grids(experiment: Experiment, grids: Grids, best: Mapping[Cell, float]) -> Grids:
    """Return the grids, longer where a winner of the task lies on the edge.

    Args:
        experiment: what is tuned.
        grids: the rates of the trials so far.
        best: the winning rate of every cell.
    """
    alone = experiment.removing()

    def grown(task: str, column: str) -> list[float]:
        decisive = [
            rate
            for cell, rate in best.items()
            if cell.task == task and (cell.column == column or cell.column not in alone)
        ]
        return longer_grid(grids[task, column], decisive)

    return {key: grown(*key) for key in grids}


def longer_grid(rates: Sequence[float], best: Iterable[float]) -> list[float]:
    """Return a grid with a rate more beyond each edge that a winner lies on; itself otherwise."""
    winners, grid = set(best), sorted(rates)
    below = [_rounded(grid[0] / 2)] if grid[0] in winners else []
    above = [_rounded(grid[-1] * 2)] if grid[-1] in winners else []
    longer = [*below, *grid, *above]
    return longer if len(longer) <= MOST_RATES else grid


def stage_values(
    values: Mapping[str, Any], experiment: Experiment, stage: str, trials: Sequence[Trial]
) -> dict[str, Any]:
    """Return the config of a stage, as its YAML file has it.

    Args:
        values: the experiment's own config.
        experiment: the same, checked.
        stage: its name.
        trials: what is tried; a task of the stage is a task and target of the experiment.
    """
    assert experiment.tuning is not None
    recipes: dict[str, Any] = {}
    tasks: dict[str, Any] = {}
    for trial in trials:
        cell = trial.cell
        recipes[trial.name] = _recipe(values, experiment, trial)
        task = tasks.setdefault(cell.stage_task, _task(values, experiment, cell))
        task["recipes"].append(trial.name)
    return {
        "name": f"{experiment.name}_{stage}",
        "tasks": tasks,
        "training": values["training"],
        "statistics": {"every": HARDLY_EVER, "noise_every": HARDLY_EVER},
        "targets": list(values["targets"]),
        "recipes": recipes,
        "seeds": list(experiment.tuning.seeds),
        "order": "column",  # a tuning that is stopped keeps the trials whose seeds are all done
    }


def _recipe(values: Mapping[str, Any], experiment: Experiment, trial: Trial) -> dict[str, Any]:
    column = trial.cell.column
    own = dict(values["recipes"][column] or {})
    kind = own.get("recipe") or column
    label = own.get("label") or find_recipe(kind).label or column
    rate = {"learning_rate": trial.learning_rate}
    said = [f"rate {trial.learning_rate:g}", *(f"{key} {value:g}" for key, value in trial.options)]
    return {
        **{key: value for key, value in own.items() if key not in ("role",)},
        "recipe": kind,
        "label": f"{label}, {', '.join(said)}",
        "options": {**own.get("options", {}), **dict(trial.options)},
        "training": {**own.get("training", {}), **rate, **LAST_ALONE},
    }


def _task(values: Mapping[str, Any], experiment: Experiment, cell: Cell) -> dict[str, Any]:
    own, grid = dict(values["tasks"][cell.task] or {}), experiment.grid(cell.task)
    # A dense run has no target; its statistics go by those of its task.
    targets = list(grid.targets) if cell.target == "dense" else [cell.target]
    return {
        "task": own.get("task") or cell.task,
        "options": {**own.get("options", {}), **own.get("validation", {})},
        "training": dict(own.get("training", {})),
        "targets": targets,
        "recipes": [],
    }


def is_on_edge(rate: float, rates: Iterable[float]) -> bool:
    """Return whether a rate is the smallest or the largest of a grid."""
    grid = list(rates)
    return math.isclose(rate, min(grid)) or math.isclose(rate, max(grid))
