"""The parts of an experiment's YAML file: a task, a recipe, and the grid of a task."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from pgf.experiments.run_spec import NAME


def _check_runs_per_job(value: Any) -> Any:
    """Refuse what is neither; pydantic's own words for a union name its branches."""
    if value != "auto" and (type(value) is not int or value < 1):
        raise ValueError(f"must be a whole number from 1, or auto: {value!r}")
    return value


Name = Annotated[str, Field(pattern=f"^{NAME}$")]
Targets = Annotated[list[str], Field(min_length=1)]
Seeds = Annotated[list[Annotated[int, Field(ge=0, strict=True)]], Field(min_length=1)]
RunsPerJob = Annotated[int | Literal["auto"], BeforeValidator(_check_runs_per_job)]
Order = Literal["seed", "column"]


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
    statistics: dict[str, Any] = {}
    """As `training`."""
    targets: Targets | None = None
    """As `seeds` and `runs_per_job`: the experiment's by default."""
    recipes: Annotated[list[str], Field(min_length=1)] | None = None
    """Names among the experiment's recipes; all of them by default."""
    seeds: Seeds | None = None
    runs_per_job: RunsPerJob | None = None
    lengths: list[int] | None = None
    """Numbers of steps, rising: one task each, `NAME_STEPS`, in place of `training.steps`."""
    length_of: Name | None = None
    """Name that tasks share which differ in length alone; `lengths` gives it."""
    validation: dict[str, Any] = {}
    """Options that evaluate on a validation split, over `options`: for tuning."""


class RecipeEntry(Strict):
    """A column of the tables, under the name that its paths carry."""

    recipe: str | None = None
    """A recipe's name, `module:Class` or `file.py:Class`; the entry's own name by default."""
    label: str | None = None
    role: str | None = None
    """Name by which claims speak of it; the entry's own name by default."""
    preset: Literal["published", "advised", "25-75"] | None = None
    options: dict[str, Any] = {}
    """Settings of the recipe, over the preset's."""
    training: dict[str, Any] = {}
    """Settings of training that differ from the task's."""
    length: Annotated[float, Field(gt=0, le=1000, strict=True)] | None = None
    """Steps over the task's own, such as 1.35 to spend the training FLOPs of another column."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The targets, recipes and seeds that one task is run with."""

    targets: tuple[str, ...]
    recipes: tuple[str, ...]
    """Names, in the experiment's order."""
    seeds: tuple[int, ...]
    runs_per_job: int
