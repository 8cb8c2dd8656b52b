"""One run: its identity, its settings, its fingerprint and where its files lie."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any

from pgf.experiments.hashes import code_of, files_hash, hash_of
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.recipes import Recipe, Target, find_recipe, outside_file

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
"""Names that experiments, tasks and recipes may have: they become file names and arguments."""

UNNUMBERED = ("checkpoint_every", "checkpoint_minutes", "keep")
"""Training settings that change no number."""
NUMERIC = ("recipes", "sparsity", "tasks", "training", "seeds.py")
"""Rooms that change numbers: a change in one of them makes old runs out of date."""


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that determines a run. Identity is task, recipe, target and seed."""

    experiment: str
    task: TaskSettings
    recipe: RecipeSettings
    target: str
    references: tuple[str, ...]
    """Targets that a dense run takes its mask statistics against; its own for a sparse run."""
    seed: int
    training: TrainingSettings
    statistics: StatisticsSettings

    @property
    def slug(self) -> str:
        """Path of the run below `runs/`; readable, never parsed."""
        target = Target.parse(self.target).slug
        return f"{self.task.name}/{self.recipe.name}/{target}/seed{self.seed}"

    @property
    def short_title(self) -> str:
        """Recipe and target, for people."""
        target = "" if self.target == "dense" else f" {Target.parse(self.target).label}"
        return f"{self.recipe.label}{target}"

    @property
    def title(self) -> str:
        """Name of the run, for people."""
        return f"{self.task.name}, {self.short_title}, seed {self.seed}"

    def directory(self, results: Path) -> Path:
        """Return the folder of the run's files."""
        return results / self.experiment / "runs" / self.slug

    def make_recipe(self) -> Recipe:
        """Return the recipe with its settings."""
        return find_recipe(self.recipe.kind)(**self.recipe.options)

    def settings(self) -> dict[str, Any]:
        """Return all that determines the numbers; names, labels and checkpoints do not."""
        # As `asdict`, without its deep copies: a plan asks this of ten thousand runs.
        parts = {name: value for name, value in vars(self).items() if is_dataclass(value)}
        values = {**vars(self), **{name: dict(vars(part)) for name, part in parts.items()}}
        del values["experiment"], values["recipe"]["label"], values["recipe"]["name"]
        del values["task"]["name"]
        for name in UNNUMBERED:
            del values["training"][name]
        return values

    def fingerprint(self) -> str:
        """Return a hash of the settings and of the code that changes numbers."""
        outside = source_hash(self.recipe.kind, self.task.kind)
        return hash_of([self.settings(), code_hash(), outside])


def code_hash() -> str:
    """Return a hash of the rooms that change numbers."""
    return files_hash(NUMERIC)


def source_hash(recipe_kind: str, task_kind: str) -> str:
    """Return a hash of the files outside the package that define recipe and task; "" for none."""
    module = sys.modules[find_recipe(recipe_kind).__module__]
    recipe_file = None if module.__name__.startswith("pgf.") else module.__file__
    # A task's file is not imported: a plan needs no torch.
    task_file = outside_file(task_kind, group="pgf.tasks")
    hashes = [
        hashlib.sha256(code_of(Path(file).read_bytes())).hexdigest()[:16]
        for file in (recipe_file, task_file)
        if file is not None and Path(file).exists()
    ]
    return " ".join(hashes)


def job_fingerprint(specs: Sequence[RunSpec]) -> str:
    """Return a hash of the fingerprints of a job's runs."""
    text = ",".join(spec.fingerprint() for spec in specs)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
