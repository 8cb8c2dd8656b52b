"""What stands below the keys of a config."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from pgf.experiments.run_spec import NAME
from pgf.experiments.settings import (
    AnalysisSettings,
    PublishedSettings,
    StatisticsSettings,
    TrainingSettings,
)

Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Targets = Annotated[list[str], Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]
RunsPerJob = Annotated[int, Field(ge=1)]


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
    targets: Targets | None = None
    """As `seeds` and `runs_per_job`: the experiment's by default."""
    recipes: Annotated[list[str], Field(min_length=1)] | None = None
    """Names among the experiment's recipes; all of them by default."""
    seeds: Seeds | None = None
    runs_per_job: RunsPerJob | None = None


class RecipeEntry(Strict):
    """A column of the tables, under the name that its paths carry."""

    recipe: str | None = None
    """Name in the recipe registry or `module:Class`; the entry's own name by default."""
    label: str | None = None
    preset: Literal["published", "advised"] | None = None
    options: dict[str, Any] = {}
    """Settings of the recipe, over the preset's."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """What one task is run with."""

    targets: tuple[str, ...]
    recipes: tuple[str, ...]
    """Names, in the experiment's order."""
    seeds: tuple[int, ...]
    runs_per_job: int


PARTS: dict[str, type] = {
    "training": TrainingSettings,
    "statistics": StatisticsSettings,
    "analysis": AnalysisSettings,
    "tasks": TaskEntry,
    "recipes": RecipeEntry,
    "published": PublishedSettings,
}
"""Key of a config -> what stands below it."""
