"""The source of every table and figure: the runs, and what they are compared with."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd

from pgf.analysis.tables.paper_claims import Claim
from pgf.errors import UserError, nearest
from pgf.experiments import AnalysisSettings, PublishedSettings, longest
from pgf.recipes import Target

T = TypeVar("T")
RunKey = tuple[str, str, int]
"""Recipe, target and seed of a run."""

DENSE = "dense"
COMPLETE = "complete"


@dataclass(frozen=True, kw_only=True)
class Context:
    """Runs and curves as collected, the order to show them in, and the paper's numbers."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    analysis: AnalysisSettings
    recipes: tuple[tuple[str, str], ...]
    """(name, label) of every recipe, in the order of the columns."""
    targets: tuple[str, ...]
    """Targets in their text form, in the order of the rows; without `dense`."""
    published: pd.DataFrame
    """The paper's numbers, from `published.load_published`; may be empty."""
    claims: tuple[Claim, ...] = ()
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Number of a published table, or name of a figure -> what to know of it where it is shown."""
    published_curves: pd.DataFrame = field(default_factory=lambda: _no_curves())
    """The paper's Figure 3 as digitised, from `published.load_curves`; may be empty."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Role -> column, where they differ; a role is the name by which claims speak of a column."""
    planned: Mapping[str, tuple[RunKey, ...]] = field(default_factory=dict)
    """Task -> runs that the experiment has of it; a task that is not there is taken as whole."""

    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name -> tasks that differ in length alone, the shortest first."""
    layers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame())
    """Curves of single layers, as `curves`; may be empty."""
    trials: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    """(task, recipe, target) -> trials by which it was tuned; a cell that is not there was not."""

    _known: dict[Hashable, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def remembered(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` finds, which depends on this context and the key alone.

        Tables ask for the same rows hundreds of times; nobody may change what is returned.
        """
        if key not in self._known:
            self._known[key] = find()
        found: T = self._known[key]
        return found

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of their first run."""
        return self.remembered("tasks", lambda: tuple(self.runs["task"].unique()))

    @property
    def judged_tasks(self) -> tuple[str, ...]:
        """Tasks that verdicts and ranks come from: of those that differ in length the longest."""
        return tuple(longest(self.tasks, self.families))

    @property
    def absent_longest(self) -> tuple[str, ...]:
        """Tasks of the longest length that have no run: nothing is judged in their place."""
        wanted = (tasks[-1] for tasks in self.families.values())
        return tuple(task for task in wanted if task not in self.tasks)

    @property
    def expected_tasks(self) -> tuple[str, ...]:
        """Tasks that the experiment has, with runs or without."""
        return tuple(dict.fromkeys((*self.planned, *self.tasks, *self.absent_longest)))

    def only(self, tasks: Sequence[str]) -> "Context":
        """Return the context of some tasks alone, with the families among them; it may be empty."""
        return self.remembered(("only", *tasks), lambda: self._only(tasks))

    def _only(self, tasks: Sequence[str]) -> "Context":
        runs, curves, layers = (
            frame[frame["task"].isin(tasks)] if len(frame) else frame
            for frame in (self.runs, self.curves, self.layers)
        )
        planned = {task: cells for task, cells in self.planned.items() if task in tasks}
        families = {name: own for name, own in self.families.items() if {*own} <= {*tasks}}
        return replace(
            self, runs=runs, curves=curves, layers=layers, planned=planned, families=families
        )

    def longest(self) -> "Context":
        """Return the context of the judged tasks alone; itself where all are."""
        if self.judged_tasks == self.tasks:
            return self
        return self.remembered("longest", self._longest)

    def _longest(self) -> "Context":
        return replace(self._only(self.judged_tasks), families=self.families)

    def task_runs(self, task: str) -> pd.DataFrame:
        """Return the rows of one task."""
        return self.remembered(("task_runs", task), lambda: self.runs[self.runs["task"] == task])

    def targets_of(self, task: str) -> tuple[str, ...]:
        """Return the targets that a task has runs for."""
        present = set(self.task_runs(task)["target"])
        return tuple(target for target in self.targets if target in present)

    def sparse_recipes(self, task: str) -> tuple[str, ...]:
        """Return the names of the recipes with runs at a sparse target."""
        return self._recipes(task, sparse=True)

    def dense_recipes(self, task: str) -> tuple[str, ...]:
        """Return the names of the recipes with runs that prune nothing; one, or none."""
        return self._recipes(task, sparse=False)

    def _recipes(self, task: str, *, sparse: bool) -> tuple[str, ...]:
        def find() -> tuple[str, ...]:
            runs = self.task_runs(task)
            present = set(runs.loc[(runs["target"] != DENSE) == sparse, "recipe"])
            return tuple(name for name, _ in self.recipes if name in present)

        return self.remembered(("recipes", task, sparse), find)

    def columns_of(self, task: str) -> tuple[str, ...]:
        """Return the names of all recipes of a task, the dense one first as the paper has it."""
        dense = self.dense_recipes(task)
        return (*dense, *(name for name in self.sparse_recipes(task) if name not in dense))

    def column_of(self, task: str, role: str) -> str | None:
        """Return the column of a task that has a role; None where it has no runs of one."""
        column = self.roles.get(role, role)
        # A column that has a role of its own does not have the role of its name as well.
        if role not in self.roles and column in self.roles.values():
            return None
        return column if column in self.columns_of(task) else None

    def missing(self, task: str) -> list[RunKey]:
        """Return the planned runs of a task that are not there."""
        runs = self.task_runs(task)
        there = set(zip(runs["recipe"], runs["target"], runs["seed"], strict=True))
        return [cell for cell in self.planned.get(task, ()) if cell not in there]

    def missing_columns(self, task: str) -> tuple[str, ...]:
        """Return the names of planned recipes that a task has no run of."""
        there = self.columns_of(task)
        wanted = {recipe for recipe, _, _ in self.missing(task)}
        return tuple(name for name, _ in self.recipes if name in wanted and name not in there)

    def missing_rows(self, task: str) -> tuple[str, ...]:
        """Return the planned targets that a task has no run of."""
        there, wanted = self.targets_of(task), {target for _, target, _ in self.missing(task)}
        return tuple(target for target in self.targets if target in wanted - set(there))

    def label(self, recipe: str) -> str:
        """Return the heading of a recipe; its name where it has none."""
        return dict(self.recipes).get(recipe, recipe)

    def metric(self, task: str) -> tuple[str, bool]:
        """Return the name of a task's metric and whether higher is better."""
        first = self.task_runs(task).iloc[0]
        return str(first["metric"]), bool(first["higher_is_better"])

    def has_same_setup(self, task: str) -> bool:
        """Return whether the task is the paper's own."""
        return task in self.analysis.same_setup or bool(self.papers_entries(task))

    def papers_entries(self, task: str) -> tuple[PublishedSettings, ...]:
        """Return the published tables to show beside a task: of the same model, data and metric."""
        return tuple(e for e in self.analysis.published.get(task, ()) if e.same_setup)


def make_context(
    runs: pd.DataFrame,
    curves: pd.DataFrame,
    analysis: AnalysisSettings,
    *,
    published: pd.DataFrame | None = None,
    claims: Sequence[Claim] = (),
    recipes: Sequence[tuple[str, str]] | None = None,
    targets: Sequence[str] | None = None,
    remarks: Mapping[str, Sequence[str]] | None = None,
    roles: Mapping[str, str] | None = None,
    planned: Mapping[str, Sequence[RunKey]] | None = None,
    published_curves: pd.DataFrame | None = None,
    families: Mapping[str, Sequence[str]] | None = None,
    trials: Mapping[tuple[str, str, str], int] | None = None,
    layers: pd.DataFrame | None = None,
) -> Context:
    """Return a context; recipes and targets come in the order of their first run if not given.

    Raises:
        UserError: there is no run, or a baseline of the analysis is no recipe.
    """
    if runs.empty:
        raise UserError("there are no runs to make tables from")
    if recipes is None:
        pairs = runs[["recipe", "recipe_label"]].drop_duplicates("recipe")
        recipes = list(pairs.itertuples(index=False, name=None))
    if targets is None:
        targets = [target for target in runs["target"].unique() if target != DENSE]
    known = [name for name, _ in recipes]
    for baseline in analysis.baselines:
        if baseline not in known:
            raise UserError(
                f"the analysis names the baseline '{baseline}', no recipe of these runs: "
                f"{nearest(baseline, known)}"
            )
    return Context(
        runs=runs,
        curves=curves,
        analysis=analysis,
        recipes=tuple(recipes),
        targets=tuple(targets),
        published=_no_numbers() if published is None else published,
        claims=tuple(claims),
        remarks={table: tuple(texts) for table, texts in (remarks or {}).items()},
        roles=dict(roles or {}),
        planned={task: tuple(cells) for task, cells in (planned or {}).items()},
        published_curves=_no_curves() if published_curves is None else published_curves,
        families={name: tuple(tasks) for name, tasks in (families or {}).items()},
        trials=dict(trials or {}),
        layers=pd.DataFrame() if layers is None else layers,
    )


def target_label(target: str) -> str:
    """Return the form of a target for readers: `1:16 (FF)`."""
    return Target.parse(target).label


def _no_numbers() -> pd.DataFrame:
    names = ("table", "model", "dataset", "metric", "target", "recipe", "printed", "note")
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    return empty.assign(value=pd.Series(dtype="float64"))


def _no_curves() -> pd.DataFrame:
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in ("panel", "recipe")})
    return empty.assign(steps_1e3=pd.Series(dtype="float64"), value=pd.Series(dtype="float64"))
