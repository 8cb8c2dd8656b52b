"""Settings of training and statistics: the experiment's, then its tasks', then its recipes'."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pgf.experiments.entries import RecipeEntry, TaskEntry
from pgf.experiments.settings import StatisticsSettings, TrainingSettings
from pgf.experiments.validation import validated

Tasks = Mapping[str, TaskEntry]


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
