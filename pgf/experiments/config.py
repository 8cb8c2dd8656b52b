"""The only reader of configs: an experiment, checked as a whole before anything runs."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pgf.errors import UserError, nearest
from pgf.experiments.entries import RecipeEntry, TaskEntry
from pgf.experiments.experiment import Experiment
from pgf.experiments.own_settings import task_trainings
from pgf.experiments.settings import (
    MAX_EXACT,
    AnalysisSettings,
    PublishedSettings,
    StatisticsSettings,
    TrainingSettings,
)
from pgf.experiments.tuning_settings import TuningSettings
from pgf.experiments.validation import refuse_repeats, validated
from pgf.experiments.yaml_files import read_yaml
from pgf.recipes import Target, beside

CONFIGS = Path("configs")
RESERVED = ("bench", "committed", "gpu_hours", "merged", "models", "submissions")
"""Folders of the results, and of those in git, that no experiment may be named after."""
PARTS: dict[str, type] = {
    "training": TrainingSettings,
    "statistics": StatisticsSettings,
    "analysis": AnalysisSettings,
    "tasks": TaskEntry,
    "recipes": RecipeEntry,
    "published": PublishedSettings,
    "tuning": TuningSettings,
}
"""Key of a config -> what stands below it."""


def experiment_path(name: str) -> Path:
    """Return the config file of an experiment, given by name or by path.

    Raises:
        UserError: there is no such file.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if _is_file(path):
            return path
        raise UserError(f"no config file {path}")
    candidate = CONFIGS / f"{name}.yaml"
    if not _is_file(candidate):
        known = [p.stem for p in CONFIGS.glob("*.yaml")]
        raise UserError(f"no experiment '{name}' in {CONFIGS}/: {nearest(name, known)}")
    return candidate


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, or a folder that may not be read
        return False


def read_config(path: Path) -> dict[str, Any]:
    """Return a config's values; recipes and tasks whose files lie beside it are named from here.

    Raises:
        UserError: it is no YAML, holds a key twice, or holds something else.
    """
    values = read_yaml(path)
    for part, key in (("recipes", "recipe"), ("tasks", "task")):
        entries = values.get(part)
        for entry in entries.values() if isinstance(entries, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get(key), str):
                entry[key] = beside(entry[key], path.parent)
    return values


def load_experiment(name: str, *, tuned: bool = True) -> Experiment:
    """Read and check an experiment, given by name or by path.

    Args:
        name: its name or the path of its config.
        tuned: False to leave out its runs, which do not exist before tuning.

    Raises:
        UserError: what is wrong, in which file, at which key.
    """
    path = experiment_path(name)
    values = read_config(path)
    try:
        experiment = validated(Experiment, values, "", parts=PARTS)
        if experiment.name != path.stem:
            raise UserError(
                f"name: '{experiment.name}' must be the file's own, '{path.stem}': "
                f"the results folder goes by it"
            )
        if experiment.name in RESERVED:
            raise UserError(f"name: '{experiment.name}' is a folder of the results; take another")
        check_experiment(experiment, with_runs=tuned)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return experiment


def experiment_with(experiment: Experiment, targets: Sequence[str]) -> Experiment:
    """Return an experiment with more targets; tasks that have their own get them as well.

    It has no tuned rates, since nothing was tuned at those targets: it serves to count costs.

    Raises:
        UserError: one is no target.
    """
    values = experiment.model_dump(exclude_unset=True)

    def more(own: Sequence[str]) -> list[str]:
        return list(dict.fromkeys(str(Target.parse(text)) for text in (*own, *targets)))

    for entry in values["tasks"].values():
        if entry.get("targets"):
            entry["targets"] = more(entry["targets"])
    made = Experiment(**{**values, "targets": more(experiment.targets), "tuning": None})
    check_experiment(made)
    return made


def check_experiment(experiment: Experiment, *, with_runs: bool = True) -> None:
    """Check what the types do not: that all runs can be made and none is there twice.

    Raises:
        UserError: the first thing that is wrong.
    """
    _check_targets("targets", experiment.targets)
    _check_seeds("seeds", experiment.seeds)
    for task, entry in experiment.tasks.items():
        _check_targets(f"tasks.{task}.targets", entry.targets or ())
        _check_seeds(f"tasks.{task}.seeds", entry.seeds or ())
        for name in entry.recipes or ():
            _check_known(f"tasks.{task}.recipes names", name, experiment.recipes, "recipe")
        refuse_repeats(f"tasks.{task}.recipes", entry.recipes or ())
    _check_use(experiment)
    for name, family in experiment.families().items():
        _check_family(experiment, name, family)
    for target in experiment.analysis.figure_targets:
        _check_known("analysis.figure_targets names", target, experiment.rows(), "target")
    refuse_repeats("analysis.figure_targets", experiment.analysis.figure_targets)
    for key, tasks in (
        ("published", experiment.analysis.published),
        ("same_setup", experiment.analysis.same_setup),
    ):
        for task in tasks:
            _check_known(f"analysis.{key} names", task, experiment.tasks, "task")
    roles: dict[str, str] = {}
    for name, recipe in experiment.recipes.items():
        role = recipe.role or name
        if (other := roles.setdefault(role, name)) != name:
            raise UserError(
                f"recipes: {other} and {name} both have the role '{role}'; give one another role"
            )
    labels: dict[str, str] = {}
    for name, label in experiment.columns():
        if (other := labels.setdefault(label, name)) != name:
            raise UserError(
                f"recipes: {other} and {name} are both labeled '{label}'; give one another label"
            )
    _check_tuning(experiment)
    if with_runs:
        experiment.runs()


def _check_tuning(experiment: Experiment) -> None:
    if experiment.tuning is None:
        return
    for task, entry in experiment.tasks.items():
        if not entry.validation:
            raise UserError(
                f"tasks.{task}.validation is missing: the options by which the task is evaluated "
                "on a validation split, such as {evaluate_on: validation}"
            )
        if both := set(experiment.grid(task).seeds) & set(experiment.tuning.seeds):
            raise UserError(f"tuning.seeds: {min(both)} is a seed of {task} as well; take others")


def _check_use(experiment: Experiment) -> None:
    """Check that some task has each recipe that the experiment lists."""
    used = dict(experiment.columns())
    for baseline in experiment.analysis.baselines:
        _check_known("analysis.baselines names", baseline, experiment.recipes, "recipe")
        if baseline not in used:
            raise UserError(
                f"analysis.baselines names '{baseline}', which no task has: add it to the "
                "recipes of one"
            )
    for name in experiment.recipes:
        if name not in used:
            raise UserError(
                f"recipes: no task has '{name}': add it to the recipes of one, or delete it"
            )


def _check_family(experiment: Experiment, name: str, family: Sequence[str]) -> None:
    """Check that tasks which are one of several lengths differ in nothing but their steps."""
    first, *others = (experiment.tasks[task] for task in family)
    differing = {"training", "length_of", "runs_per_job"}
    trainings = task_trainings(experiment.training, experiment.tasks)
    steps = [trainings[task].steps for task in family]
    of_one_length = [replace(trainings[task], steps=steps[0]) for task in family]
    for task, entry, training in zip(family[1:], others, of_one_length[1:], strict=True):
        if (
            entry.model_dump(exclude=differing) != first.model_dump(exclude=differing)
            or training != of_one_length[0]
        ):
            raise UserError(
                f"tasks.{task}: length_of '{name}' as {family[0]}, but they differ in more than "
                "length; write one task with lengths"
            )
    refuse_repeats(f"tasks of {name}, steps", steps)


def _check_targets(where: str, targets: Sequence[str]) -> None:
    parsed = [str(Target.parse(text)) for text in targets]
    refuse_repeats(where, parsed)
    if "dense" in parsed:
        raise UserError(f"{where}: dense is no target; list the recipe 'dense' instead")


def _check_seeds(where: str, seeds: Sequence[int]) -> None:
    refuse_repeats(where, seeds)
    if len(seeds) > MAX_EXACT:
        raise UserError(
            f"{where}: the exact test compares at most {MAX_EXACT}; there are {len(seeds)}"
        )


def _check_known(where: str, name: str, known: Iterable[str], kind: str) -> None:
    if name not in known:
        raise UserError(f"{where} '{name}', no {kind} here: {nearest(name, known)}")
