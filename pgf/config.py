"""The only reader of YAML: an experiment, checked as a whole before anything runs."""

import hashlib
import json
from collections.abc import Hashable, Iterator
from dataclasses import asdict, fields, is_dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from pgf.errors import UserError, nearest
from pgf.patterns import NMPattern, Target
from pgf.recipes import Recipe, find_recipe
from pgf.runs import NAME, RunSpec, files_hash
from pgf.settings import (
    AnalysisSettings,
    PublishedSettings,
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.statistics import MAX_EXACT

CONFIGS = Path("configs")
ANALYSIS_MODULES = ("collection.py", "statistics.py", "results.py", "tables", "figures")
COMPUTE_MODULES = ("compute", "tables/model.py", "tables/render.py")
Name = Annotated[str, Field(pattern=f"^{NAME}$")]


class Strict(BaseModel):
    """A part of a config; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TaskEntry(Strict):
    """A task of an experiment, under the name that its paths and tables carry."""

    task: str | None = None
    """Name in the task registry; the entry's own name by default."""
    options: dict[str, Any] = {}
    training: dict[str, Any] = {}
    """Settings that differ from the experiment's."""


class RecipeEntry(Strict):
    """A column of the tables, under the name that its paths carry."""

    recipe: str | None = None
    """Name in the recipe registry or `module:Class`; the entry's own name by default."""
    label: str | None = None
    preset: Literal["published", "advised"] | None = None
    options: dict[str, Any] = {}
    """Settings of the recipe, over the preset's."""


class Experiment(Strict):
    """One YAML file: model x target x recipe x seed."""

    name: Name
    tasks: dict[Name, TaskEntry] = Field(min_length=1)
    training: dict[str, Any]
    targets: list[str] = Field(min_length=1)
    recipes: dict[Name, RecipeEntry] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    statistics: StatisticsSettings = StatisticsSettings()
    analysis: AnalysisSettings = AnalysisSettings()
    runs_per_job: int = Field(default=1, ge=1)
    """Runs that one job trains one after another; starting a job costs seconds."""

    def runs(self) -> list[RunSpec]:
        """Return every run, by task, seed, target and recipe; a dense one once per seed."""
        return list(self._runs)

    @cached_property
    def _runs(self) -> tuple[RunSpec, ...]:
        return tuple(
            self._run(task, recipe, target, seed)
            for task in self.tasks
            for seed in self.seeds
            for recipe, target in self._cells()
        )

    def _cells(self) -> Iterator[tuple[str, str]]:
        dense = [name for name in self.recipes if self._recipe_class(name).is_dense]
        yield from ((name, "dense") for name in dense)
        for target in self.targets:
            yield from ((name, target) for name in self.recipes if name not in dense)

    def columns(self) -> list[tuple[str, str]]:
        """Return (name, label) of the recipes in order."""
        return [
            (name, entry.label or self._recipe_class(name).label or name)
            for name, entry in self.recipes.items()
        ]

    def _run(self, task: str, recipe: str, target: str, seed: int) -> RunSpec:
        entry = self.tasks[task]
        parsed = Target.parse(target)
        references = self.targets if parsed.is_dense else [target]
        return RunSpec(
            experiment=self.name,
            task=TaskSettings(name=task, kind=entry.task or task, options=entry.options),
            recipe=self._recipe_settings(recipe, parsed),
            target=str(parsed),
            references=tuple(str(Target.parse(reference)) for reference in references),
            seed=seed,
            training=self._training(task),
            statistics=self.statistics,
        )

    def _training(self, task: str) -> TrainingSettings:
        values = {**self.training, **self.tasks[task].training}
        return _validated(TrainingSettings, values, f"training of {task}")

    def _recipe_class(self, name: str) -> type[Recipe]:
        return find_recipe(self.recipes[name].recipe or name)

    def _recipe_settings(self, name: str, target: Target) -> RecipeSettings:
        entry, recipe_class = self.recipes[name], self._recipe_class(name)
        pattern: NMPattern | None = target.parts[0][1] if target.parts else None
        preset = recipe_class.preset(entry.preset, pattern) if entry.preset else {}
        if {"beta", "zero_at"} & set(entry.options):
            preset = {k: v for k, v in preset.items() if k not in ("beta", "zero_at")}
        options = {**preset, **entry.options}
        checked = _validated(recipe_class, options, f"options of recipe {name}")
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
            for part, start in enumerate(range(0, len(runs), self.runs_per_job)):
                jobs[f"{task}.part{part}"] = runs[start : start + self.runs_per_job]
        return jobs

    def analysis_fingerprint(self) -> str:
        """Return a hash of what turns records into tables: rule, columns, rows and code."""
        values = [asdict(self.analysis), self.columns(), self.targets, files_hash(ANALYSIS_MODULES)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def plan_fingerprint(self) -> str:
        """Return a hash of what the costs of models and recipes depend on: no seed, no result."""
        first = min(self.seeds)
        runs = [run.fingerprint() for run in self._runs if run.seed == first]
        values = [runs, asdict(self.analysis), files_hash(COMPUTE_MODULES)]
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]

    def check(self) -> None:
        """Check what the types do not: that all runs can be made and none is there twice.

        Raises:
            UserError: the first thing that is wrong.
        """
        _refuse_repeats("seeds", self.seeds)
        targets = [str(Target.parse(text)) for text in self.targets]
        _refuse_repeats("targets", targets)
        if "dense" in targets:
            raise UserError("targets: dense is no target; list the recipe 'dense' instead")
        for baseline in self.analysis.baselines:
            if baseline not in self.recipes:
                hint = nearest(baseline, self.recipes)
                raise UserError(f"analysis.baselines names '{baseline}', no recipe here: {hint}")
        if self.analysis.baselines and len(self.seeds) > MAX_EXACT:
            raise UserError(
                f"seeds: the exact test compares at most {MAX_EXACT}; there are {len(self.seeds)}"
            )
        for task in self.analysis.published:
            if task not in self.tasks:
                raise UserError(
                    f"analysis.published names '{task}', no task here: {nearest(task, self.tasks)}"
                )
        labels: dict[str, str] = {}
        for run in self._runs:
            column = labels.setdefault(run.recipe.label, run.recipe.name)
            if column != run.recipe.name:
                raise UserError(
                    f"recipes: {column} and {run.recipe.name} are both labeled "
                    f"'{run.recipe.label}'; give one another label"
                )


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
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} must hold keys and values, such as 'name: laptop'")
    try:
        experiment = _validated(Experiment, values, "")
        if experiment.name != path.stem:
            raise UserError(
                f"name: '{experiment.name}' must be the file's own, '{path.stem}': "
                f"the results folder goes by it"
            )
        experiment.check()
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    return experiment


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, refusing a key that stands twice (YAML's own rule is: the last one wins)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.YAMLError(f"key '{key}' stands twice, {node.start_mark}")
        return super().construct_mapping(node, deep)


_KNOWN_KEYS: dict[str, type] = {
    "training": TrainingSettings,
    "statistics": StatisticsSettings,
    "analysis": AnalysisSettings,
    "tasks": TaskEntry,
    "recipes": RecipeEntry,
    "published": PublishedSettings,
}


def _validated(kind: type[Any], values: dict[str, Any], where: str) -> Any:
    if is_dataclass(kind):  # which pydantic lets have keys it does not know, unlike a `Strict`
        known = [field.name for field in fields(kind)]
        for key in values:
            if key not in known:
                raise UserError(f"{where}: {key}: unknown key; {nearest(key, known)}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise UserError(_first_message(error, kind, where)) from error


def _first_message(error: ValidationError, kind: type[Any], where: str) -> str:
    first = error.errors()[0]
    keys = [str(part) for part in first["loc"]]
    place = ": ".join(part for part in (where, ".".join(keys)) if part)
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        parents = [_KNOWN_KEYS[key] for key in keys[:-1] if key in _KNOWN_KEYS]
        known = (parents[-1] if parents else kind).__annotations__
        return f"{place}: unknown key; {nearest(keys[-1], known)}"
    message = first["msg"].removeprefix("Value error, ")
    if keys[:1] == ["targets"] and first["type"] == "string_type":
        message += ', in quotes: "1:4(FF)"'
    given = "" if first["type"] in ("missing", "value_error") else f" (given: {first['input']!r})"
    return f"{place}: {message}{given}" if place else f"{message}{given}"


def _refuse_repeats(key: str, values: list[Any]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise UserError(f"{key}: {value} stands twice")
