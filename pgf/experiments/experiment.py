"""An experiment as its YAML file has it, and the runs and jobs that it asks for."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cached_property
from math import lcm
from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from pgf.errors import UserError
from pgf.experiments.entries import (
    Grid,
    Name,
    Order,
    RecipeEntry,
    RunsPerJob,
    Seeds,
    Strict,
    Targets,
    TaskEntry,
)
from pgf.experiments.hashes import SOURCES, files_hash, hash_of
from pgf.experiments.lengths import longest, with_lengths
from pgf.experiments.own_settings import (
    recipe_trainings,
    task_statistics,
    task_trainings,
    trained_with,
)
from pgf.experiments.packing import in_order, packed_runs, packs
from pgf.experiments.run_spec import RunSpec
from pgf.experiments.selection import Selection
from pgf.experiments.settings import (
    AnalysisSettings,
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.experiments.tuning_settings import TuningSettings
from pgf.experiments.validation import validated
from pgf.recipes import NMPattern, Recipe, Target, find_recipe

ANALYSIS = ("records", "analysis")
SHOWN = (*SOURCES, ".css", ".j2", ".js", ".json")
"""Suffixes of what tables and pages are made by."""
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
    tuning: TuningSettings | None = None
    """Grid and seeds of the tuning; None to train every column at the rate of `training`."""
    evidence: Annotated[bool, Field(strict=True)] = False
    """True to refuse the experiment where it can settle none of the paper's claims."""
    runs_per_job: RunsPerJob = "auto"
    """Runs that one job trains, since its start costs seconds; `auto` packs short ones alone."""
    order: Order = "seed"
    """`column`: all seeds of a column follow one another, so that whole columns are done early."""

    @model_validator(mode="before")
    @classmethod
    def _with_lengths(cls, values: Any) -> Any:
        return with_lengths(values) if isinstance(values, dict) else values

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
            runs_per_job=self._runs_per_job(task),
        )

    def _runs_per_job(self, task: str) -> int:
        training = self._trainings[task]
        own = self._own_trainings.items()
        stack = lcm(training.stack, *(t.stack for (name, _), t in own if name == task))
        stated = self.tasks[task].runs_per_job or self.runs_per_job
        if stated == "auto":
            return packed_runs(training.steps, processes=training.processes, stack=stack)
        if stated % stack:
            raise UserError(f"runs_per_job of {task}: {stated} splits stacks of {stack} runs")
        return stated

    def runs(self) -> list[RunSpec]:
        """Return every run, task after task in `order`; a dense one once per seed."""
        return list(self._runs)

    @cached_property
    def _runs(self) -> tuple[RunSpec, ...]:
        return tuple(run for task in self.tasks for run in self._runs_of(task))

    def _runs_of(self, task: str) -> Iterator[RunSpec]:
        grid, entry, training = self.grid(task), self.tasks[task], self._trainings[task]
        statistics = self._statistics[task]
        settings = TaskSettings(name=task, kind=entry.task or task, options=entry.options)
        cells = [
            (self._recipe_settings(task, recipe, parsed), parsed)
            for recipe, target in self._cells(grid)
            for parsed in [Target.parse(target)]
        ]
        every = tuple(str(Target.parse(target)) for target in grid.targets)
        for seed, (recipe, target) in in_order(grid.seeds, cells, self.order):
            settled = self._own_trainings.get((task, recipe.name), training)
            if self.selection:
                rate = self.selection.of(task, recipe.name, str(target)).learning_rate
                settled = replace(settled, learning_rate=rate)
            yield RunSpec(
                experiment=self.name,
                task=settings,
                recipe=recipe,
                target=str(target),
                references=every if target.is_dense else (str(target),),
                seed=seed,
                training=settled,
                statistics=statistics,
            )

    def cells_of(self, task: str) -> list[tuple[str, str]]:
        """Return (column, target in text form) of everything that a task is run with."""
        return [(name, str(Target.parse(t))) for name, t in self._cells(self.grid(task))]

    def _cells(self, grid: Grid) -> Iterator[tuple[str, str]]:
        dense = [name for name in grid.recipes if self._recipe_class(name).is_dense]
        yield from ((name, "dense") for name in dense)
        for target in grid.targets:
            yield from ((name, target) for name in grid.recipes if name not in dense)

    def families(self) -> dict[str, list[str]]:
        """Return name -> the tasks that differ in length alone, the shortest first."""
        found: dict[str, list[str]] = {}
        for task, entry in self.tasks.items():
            if entry.length_of:
                found.setdefault(entry.length_of, []).append(task)
        return {k: sorted(v, key=lambda t: self._trainings[t].steps) for k, v in found.items()}

    def judged_tasks(self) -> list[str]:
        """Return the tasks that claims are judged on."""
        return longest(self.tasks, self.families())

    def columns(self) -> list[tuple[str, str]]:
        """Return (name, label) of the recipes that any task has, in order."""
        used = {name for task in self.tasks for name in self.grid(task).recipes}
        return [
            (name, entry.label or self._recipe_class(name).label or name)
            for name, entry in self.recipes.items()
            if name in used
        ]

    def roles(self) -> dict[str, str]:
        """Return role -> column of the columns that have another role than their name."""
        return {e.role: name for name, e in self.recipes.items() if e.role not in (None, name)}

    def rows(self) -> list[str]:
        """Return the targets that any task has, in text form and in order."""
        used = [str(Target.parse(t)) for task in self.tasks for t in self.grid(task).targets]
        listed = [*(str(Target.parse(t)) for t in self.targets), *used]
        return [t for t in dict.fromkeys(listed) if t in used]

    @cached_property
    def _trainings(self) -> dict[str, TrainingSettings]:
        return task_trainings(self.training, self.tasks)

    @cached_property
    def _statistics(self) -> dict[str, StatisticsSettings]:
        return task_statistics(self.statistics, self.tasks)

    @cached_property
    def _own_trainings(self) -> dict[tuple[str, str], TrainingSettings]:
        return recipe_trainings(self.training, self.tasks, self.recipes)

    def _recipe_class(self, name: str) -> type[Recipe]:
        return find_recipe(self.recipes[name].recipe or name)

    @cached_property
    def selection(self) -> Selection | None:
        """The tuned settings; None where the config does not ask for tuning."""
        return self.read_selection() if self.tuning else None

    def read_selection(self) -> Selection:
        """Return the tuned settings; UserError where they are not there or do not fit."""
        return Selection.read(self.name, self.tuning_fingerprints(), removing=self.removing())

    def removing(self) -> list[str]:
        """Return the columns whose layers are at zero from the start."""
        return [name for name in self.recipes if self._recipe_class(name).removes]

    def _recipe_settings(self, task: str, name: str, target: Target) -> RecipeSettings:
        entry, recipe_class = self.recipes[name], self._recipe_class(name)
        pattern: NMPattern | None = target.parts[0][1] if target.parts else None
        own = dict(entry.options)
        if self.selection:
            own |= self.selection.of(task, name, str(target)).options
        options = recipe_class.with_preset(entry.preset, pattern, own)
        checked = validated(recipe_class, options, f"options of recipe {name}")
        return RecipeSettings(
            name=name,
            kind=entry.recipe or name,
            label=entry.label or recipe_class.label or name,
            options={key: getattr(checked, key) for key in options},
        )

    def jobs(self) -> dict[str, list[RunSpec]]:
        """Return the runs of every job by its name; a job holds runs of one task."""
        sizes = {task: self.grid(task).runs_per_job for task in self.tasks}
        return dict(job for task in self.tasks for job in packs(self._runs, task, sizes[task]))

    def analysis_fingerprint(self) -> str:
        """Return a hash of what turns records into tables: rule, columns, rows and code."""
        shown = [self.columns(), self.rows(), self.roles(), self.families()]
        return hash_of([asdict(self.analysis), *shown, files_hash(ANALYSIS, SHOWN)])

    def tuning_fingerprints(self) -> dict[tuple[str, str], str]:
        """Return (task, column) -> a hash of what its trials depend on: recipe, training, grid."""
        tuning = self.model_dump(mode="json", include={"tuning"})
        return {
            (task, column): hash_of([tuning, *trained_with(self.training, task, column, *entries)])
            for task, entry in self.tasks.items()
            for column in self.grid(task).recipes
            for entries in [(entry, self.recipes[column])]
        }

    def plan_fingerprint(self) -> str:
        """Return a hash of what the costs of models and recipes depend on: no seed, no result."""
        first = {task: min(self.grid(task).seeds) for task in self.tasks}
        runs = [run.fingerprint() for run in self._runs if run.seed == first[run.task.name]]
        shown = [[*self.tasks], self.columns(), asdict(self.analysis), files_hash(COMPUTE)]
        return hash_of([runs, *shown])
