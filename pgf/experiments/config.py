"""The only reader of configs: an experiment, checked as a whole before anything runs."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from pgf.errors import UserError, nearest
from pgf.experiments.entries import (
    PARTS,
    Grid,
    Name,
    RecipeEntry,
    RunsPerJob,
    Seeds,
    Strict,
    Targets,
    TaskEntry,
)
from pgf.experiments.run_spec import RunSpec, files_hash
from pgf.experiments.settings import (
    MAX_EXACT,
    AnalysisSettings,
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.experiments.validation import read_yaml, refuse_repeats, validated
from pgf.recipes import Recipe, find_recipe
from pgf.recipes.patterns import NMPattern, Target

CONFIGS = Path("configs")
ANALYSIS = ("records", "analysis")
COMPUTE = ("costs/compute", "analysis/tables/model.py", "analysis/tables/render.py")


class Experiment(Strict):
    """One YAML file: for every task, target x recipe x seed."""

    name: Name
    tasks: dict[Name, TaskEntry] = Field(min_length=1)
    training: dict[str, Any]
    targets: Targets
    recipes: dict[Name, RecipeEntry] = Field(min_length=1)
    seeds: Seeds
    statistics: StatisticsSettings = StatisticsSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    runs_per_job: RunsPerJob = 1
    """Runs that one job trains one after another; starting a job costs seconds."""

    @field_validator("analysis", mode="before")
    @classmethod
    def _list_published(cls, value: Any) -> Any:
        """Make a list of one of a single published table."""
        published = value.get("published") if isinstance(value, dict) else None
        if not isinstance(published, dict):
            return value
        lists = {task: [v] if isinstance(v, dict) else v for task, v in published.items()}
        return {**value, "published": lists}

    def grid(self, task: str) -> Grid:
        """Return what a task is run with: its own entry's values, else the experiment's."""
        own = self.tasks[task]
        return Grid(
            targets=tuple(own.targets or self.targets),
            recipes=tuple(r for r in self.recipes if own.recipes is None or r in own.recipes),
            seeds=tuple(own.seeds or self.seeds),
            runs_per_job=own.runs_per_job or self.runs_per_job,
        )

    def runs(self) -> list[RunSpec]:
        """Return every run, by task, seed, target and recipe; a dense one once per seed."""
        return list(self._runs)

    @cached_property
    def _runs(self) -> tuple[RunSpec, ...]:
        return tuple(run for task in self.tasks for run in self._runs_of(task))

    def _runs_of(self, task: str) -> Iterator[RunSpec]:
        grid, entry, training = self.grid(task), self.tasks[task], self._training(task)
        settings = TaskSettings(name=task, kind=entry.task or task, options=entry.options)
        cells = [
            (self._recipe_settings(recipe, parsed), parsed)
            for recipe, target in self._cells(grid)
            for parsed in [Target.parse(target)]
        ]
        every = tuple(str(Target.parse(target)) for target in grid.targets)
        for seed in grid.seeds:
            for recipe, target in cells:
                yield RunSpec(
                    experiment=self.name,
                    task=settings,
                    recipe=recipe,
                    target=str(target),
                    references=every if target.is_dense else (str(target),),
                    seed=seed,
                    training=training,
                    statistics=self.statistics,
                )

    def _cells(self, grid: Grid) -> Iterator[tuple[str, str]]:
        dense = [name for name in grid.recipes if self._recipe_class(name).is_dense]
        yield from ((name, "dense") for name in dense)
        for target in grid.targets:
            yield from ((name, target) for name in grid.recipes if name not in dense)

    def columns(self) -> list[tuple[str, str]]:
        """Return (name, label) of the recipes that any task has, in order."""
        used = {name for task in self.tasks for name in self.grid(task).recipes}
        return [
            (name, entry.label or self._recipe_class(name).label or name)
            for name, entry in self.recipes.items()
            if name in used
        ]

    def rows(self) -> list[str]:
        """Return the targets that any task has, in text form and in order."""
        used = {str(Target.parse(t)) for task in self.tasks for t in self.grid(task).targets}
        listed = [*self.targets, *(t for task in self.tasks for t in self.grid(task).targets)]
        return [t for t in dict.fromkeys(str(Target.parse(t)) for t in listed) if t in used]

    def _training(self, task: str) -> TrainingSettings:
        values = {**self.training, **self.tasks[task].training}
        checked: TrainingSettings = validated(TrainingSettings, values, f"training of {task}")
        return checked

    def _recipe_class(self, name: str) -> type[Recipe]:
        return find_recipe(self.recipes[name].recipe or name)

    def _recipe_settings(self, name: str, target: Target) -> RecipeSettings:
        entry, recipe_class = self.recipes[name], self._recipe_class(name)
        pattern: NMPattern | None = target.parts[0][1] if target.parts else None
        preset = recipe_class.preset(entry.preset, pattern) if entry.preset else {}
        if {"beta", "zero_at"} & set(entry.options):
            preset = {k: v for k, v in preset.items() if k not in ("beta", "zero_at")}
        options = {**preset, **entry.options}
        checked = validated(recipe_class, options, f"options of recipe {name}")
        return RecipeSettings(
            name=name,
            kind=entry.recipe or name,
            label=entry.label or recipe_class.label or name,
            options={key: getattr(checked, key) for key in options},
        )

    def jobs(self) -> dict[str, list[RunSpec]]:
        """Return the runs of every job, by the job's name.

        A job holds runs of one task, seed after seed, so that a further seed at the end changes no
        job but the last.
        """
        jobs: dict[str, list[RunSpec]] = {}
        for task in self.tasks:
            runs = [run for run in self._runs if run.task.name == task]
            size = self.grid(task).runs_per_job
            for part, start in enumerate(range(0, len(runs), size)):
                jobs[f"{task}.part{part}"] = runs[start : start + size]
        return jobs

    def analysis_fingerprint(self) -> str:
        """Return a hash of what turns records into tables: rule, columns, rows and code."""
        values = [asdict(self.analysis), self.columns(), self.rows(), files_hash(ANALYSIS)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def plan_fingerprint(self) -> str:
        """Return a hash of what the costs of models and recipes depend on: no seed, no result."""
        first = {task: min(self.grid(task).seeds) for task in self.tasks}
        runs = [run.fingerprint() for run in self._runs if run.seed == first[run.task.name]]
        values = [runs, asdict(self.analysis), files_hash(COMPUTE)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def check(self) -> None:
        """Check what the types do not: that all runs can be made and none is there twice.

        Raises:
            UserError: the first thing that is wrong.
        """
        _check_targets("targets", self.targets)
        _check_seeds("seeds", self.seeds)
        for task, entry in self.tasks.items():
            _check_targets(f"tasks.{task}.targets", entry.targets or ())
            _check_seeds(f"tasks.{task}.seeds", entry.seeds or ())
            for name in entry.recipes or ():
                _check_known(f"tasks.{task}.recipes names", name, self.recipes, "recipe")
            refuse_repeats(f"tasks.{task}.recipes", entry.recipes or ())
        self._check_use()
        for task in self.analysis.published:
            _check_known("analysis.published names", task, self.tasks, "task")
        labels: dict[str, str] = {}
        for name, label in self.columns():
            if (other := labels.setdefault(label, name)) != name:
                raise UserError(
                    f"recipes: {other} and {name} are both labeled '{label}'; "
                    f"give one another label"
                )
        self.runs()

    def _check_use(self) -> None:
        """Check that what the experiment lists is of some task."""
        used = dict(self.columns())
        for baseline in self.analysis.baselines:
            _check_known("analysis.baselines names", baseline, self.recipes, "recipe")
            if baseline not in used:
                raise UserError(
                    f"analysis.baselines names '{baseline}', which no task has: add it to the "
                    "recipes of one"
                )
        for name in self.recipes:
            if name not in used:
                raise UserError(
                    f"recipes: no task has '{name}': add it to the recipes of one, or delete it"
                )


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


def experiment_path(name: str) -> Path:
    """Return the config file of an experiment, given by name or by path.

    Raises:
        UserError: there is no such file.
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise UserError(f"no config file {path}")
    candidate = CONFIGS / f"{name}.yaml"
    if not candidate.is_file():
        known = [p.stem for p in CONFIGS.glob("*.yaml")]
        raise UserError(f"no experiment '{name}' in {CONFIGS}/: {nearest(name, known)}")
    return candidate


def load_experiment(name: str) -> Experiment:
    """Read and check an experiment, given by name or by path.

    Raises:
        UserError: what is wrong, in which file, at which key.
    """
    path = experiment_path(name)
    values = read_yaml(path)
    try:
        experiment: Experiment = validated(Experiment, values, "", parts=PARTS)
        if experiment.name != path.stem:
            raise UserError(
                f"name: '{experiment.name}' must be the file's own, '{path.stem}': "
                f"the results folder goes by it"
            )
        experiment.check()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return experiment
