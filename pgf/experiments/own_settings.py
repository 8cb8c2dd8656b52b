"""Settings of training and statistics: the experiment's, then its tasks', then its recipes'."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pgf.experiments.entries import RecipeEntry, TaskEntry
from pgf.experiments.run_spec import UNNUMBERED
from pgf.experiments.settings import StatisticsSettings, TrainingSettings
from pgf.experiments.validation import validated

Tasks = Mapping[str, TaskEntry]
OF_NO_TRIAL = (*UNNUMBERED, "evaluations")
"""Settings of training that no trial's last loss depends on."""


def task_trainings(whole: Mapping[str, Any], tasks: Tasks) -> dict[str, TrainingSettings]:
    """Return the training of every task."""
    return {
        task: validated(TrainingSettings, {**whole, **entry.training}, f"training of {task}")
        for task, entry in tasks.items()
    }


def task_statistics(whole: StatisticsSettings, tasks: Tasks) -> dict[str, StatisticsSettings]:
    """Return the statistics' settings of every task."""
    values = asdict(whole)
    return {
        task: validated(StatisticsSettings, {**values, **entry.statistics}, f"statistics of {task}")
        for task, entry in tasks.items()
    }


def recipe_trainings(
    whole: Mapping[str, Any], tasks: Tasks, recipes: Mapping[str, RecipeEntry]
) -> dict[tuple[str, str], TrainingSettings]:
    """Return (task, recipe) -> its training, where the recipe has settings of its own."""
    return {
        (task, name): validated(
            TrainingSettings, _own(whole, entry, recipe), f"training of {name} on {task}"
        )
        for task, entry in tasks.items()
        for name, recipe in recipes.items()
        if recipe.training or recipe.length
    }


def _own(whole: Mapping[str, Any], task: TaskEntry, recipe: RecipeEntry) -> dict[str, Any]:
    values = {**whole, **task.training, **recipe.training}
    if recipe.length is not None and isinstance(values.get("steps"), int):
        values["steps"] = max(1, round(recipe.length * values["steps"]))
    return values


def trained_with(
    whole: Mapping[str, Any], task: str, column: str, entry: TaskEntry, recipe: RecipeEntry
) -> list[Any]:
    """Return what the numbers of a column's trials depend on, as values that JSON can hold."""
    trainings = [
        {key: value for key, value in training.items() if key not in OF_NO_TRIAL}
        for training in (whole, entry.training, recipe.training)
    ]
    kinds = [entry.task or task, recipe.recipe or column]
    return [
        *kinds,
        entry.options,
        entry.validation,
        recipe.preset,
        recipe.options,
        recipe.length,
        *trainings,
    ]
