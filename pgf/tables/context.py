"""What every table and figure is made from: the runs, and what they are compared with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pgf.errors import UserError, nearest
from pgf.patterns import Target
from pgf.settings import AnalysisSettings, PublishedSettings
from pgf.tables.hypotheses import Claim

DENSE = "dense"
COMPLETE = "complete"
BASELINE_OF_PAPER = "SR-STE"
"""The published recipe that the paper compares its own with."""

PAPER_NAMES = {
    "vit_base": "ViT-Base",
    "vit_large": "ViT-Large",
    "swinv2_base": "SwinV2-Base",
    "t5_base": "T5X-Base",
    "encdec_wmt": "Encoder-Decoder",
    "resnet50": "ResNet-50",
    "imagenet1k": "ImageNet-1K",
    "cifar10": "CIFAR-10",
    "glue": "GLUE",
    "wmt17_en_de": "WMT-17 en-de",
}
"""Names of models and data sets as the paper prints them."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """Runs and curves as `pgf.collection` gives them, and how to look at them."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    analysis: AnalysisSettings
    recipes: tuple[tuple[str, str], ...]
    """(name, label) of every recipe, in the order of the columns."""
    targets: tuple[str, ...]
    """Targets in their text form, in the order of the rows; without `dense`."""
    published: pd.DataFrame
    """The paper's numbers, from `load_published`; may be empty."""
    claims: tuple[Claim, ...] = ()
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Number of a published table, or name of a figure -> what to know of it where it is shown."""
    published_curves: pd.DataFrame = field(default_factory=lambda: _no_curves())
    """The paper's Figure 3 as digitised, from `load_curves`; may be empty."""
    planned: Mapping[str, int] = field(default_factory=dict)
    """Task -> runs that the experiment has of it; a task that is not there is taken as whole."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks in the order of their first run."""
        return tuple(self.runs["task"].unique())

    def task_runs(self, task: str) -> pd.DataFrame:
        """Return the rows of one task."""
        return self.runs[self.runs["task"] == task]

    def targets_of(self, task: str) -> tuple[str, ...]:
        """Return the targets that a task has runs for."""
        present = set(self.task_runs(task)["target"])
        return tuple(target for target in self.targets if target in present)

    def sparse_recipes(self, task: str) -> tuple[str, ...]:
        """Return the names of the recipes with runs at a sparse target."""
        runs = self.task_runs(task)
        present = set(runs.loc[runs["target"] != DENSE, "recipe"])
        return tuple(name for name, _ in self.recipes if name in present)

    def dense_recipes(self, task: str) -> tuple[str, ...]:
        """Return the names of the recipes with runs that prune nothing; one, or none."""
        runs = self.task_runs(task)
        present = set(runs.loc[runs["target"] == DENSE, "recipe"])
        return tuple(name for name, _ in self.recipes if name in present)

    def columns_of(self, task: str) -> tuple[str, ...]:
        """Return the names of all recipes of a task, the dense one first as the paper has it."""
        dense = self.dense_recipes(task)
        return (*dense, *(name for name in self.sparse_recipes(task) if name not in dense))

    def label(self, recipe: str) -> str:
        """Return the heading of a recipe; its name where it has none."""
        return dict(self.recipes).get(recipe, recipe)

    def metric(self, task: str) -> tuple[str, bool]:
        """Return the name of a task's metric and whether higher is better."""
        first = self.task_runs(task).iloc[0]
        return str(first["metric"]), bool(first["higher_is_better"])

    def has_same_setup(self, task: str) -> bool:
        """Whether the task is the paper's own."""
        settings = self.analysis.published.get(task)
        return settings is not None and settings.same_setup


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
    planned: Mapping[str, int] | None = None,
    published_curves: pd.DataFrame | None = None,
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
        planned=dict(planned or {}),
        published_curves=_no_curves() if published_curves is None else published_curves,
    )


def load_published(path: Path) -> pd.DataFrame:
    """Read the paper's numbers: one value a row, `printed` as the paper prints it.

    Raises:
        UserError: the file is not there.
    """
    if not path.exists():
        raise UserError(f"{path} with the paper's numbers is not there")
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame = frame.rename(columns={"value": "printed"})
    frame["value"] = frame["printed"].map(_number)
    return frame


def load_curves(path: Path) -> pd.DataFrame:
    """Read curves of the paper: panel, recipe, steps_1e3 (thousands, as its axis counts), value.

    Raises:
        UserError: the file is not there.
    """
    if not path.exists():
        raise UserError(f"{path} with the paper's curves is not there")
    return pd.read_csv(path)


def published_rows(context: Context, task: str) -> pd.DataFrame:
    """Return the paper's numbers for a task, with targets in this project's text form."""
    settings = context.analysis.published.get(task)
    if settings is None or context.published.empty:
        return _no_numbers()
    return select_published(context.published, settings, task=task)


def select_published(
    frame: pd.DataFrame, settings: PublishedSettings, *, task: str
) -> pd.DataFrame:
    """Return the paper's numbers that an experiment asks for.

    Raises:
        UserError: there are none.
    """
    chosen = frame[
        (frame["table"] == settings.table)
        & (frame["model"] == settings.model)
        & (frame["metric"] == settings.metric)
    ]
    if chosen.empty:
        raise UserError(
            f"the paper's numbers have no table {settings.table} with model '{settings.model}' "
            f"and metric '{settings.metric}', which task '{task}' asks for"
        )
    return chosen.assign(target=chosen["target"].map(_canonical))


def published_names(context: Context, task: str) -> dict[str, str]:
    """Return which of this project's recipes stands for which published one.

    A published recipe belongs to the column of the same label, else to the first whose label
    differs only by a remark in brackets, such as `SR-STE (from step 0)`.
    """
    columns = context.columns_of(task)
    names = {}
    for published in published_rows(context, task)["recipe"].unique():
        exact = [c for c in columns if context.label(c) == published]
        close = [c for c in columns if base_label(context.label(c)) == published]
        if exact or close:
            names[(exact or close)[0]] = str(published)
    return names


def base_label(label: str) -> str:
    """Return a label without a remark in brackets at its end."""
    return re.sub(r"\s*\([^()]*\)$", "", label)


def paper_source(context: Context, settings: PublishedSettings) -> str:
    """Return what the published numbers are of: `ViT-Base, ImageNet-1K (Table 2)`."""
    rows = context.published[context.published["table"] == settings.table]
    data = rows.loc[rows["model"] == settings.model, "dataset"].iloc[0]
    model = PAPER_NAMES.get(settings.model, settings.model)
    return f"{model}, {PAPER_NAMES.get(data, data)} (Table {settings.table})"


def target_label(target: str) -> str:
    """Return the form of a target for readers: `1:16 (FF)`."""
    return Target.parse(target).label


def _canonical(target: str) -> str:
    try:
        return str(Target.parse(target))
    except UserError:
        return target


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _no_numbers() -> pd.DataFrame:
    names = ("table", "model", "dataset", "metric", "target", "recipe", "printed", "note")
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    return empty.assign(value=pd.Series(dtype="float64"))


def _no_curves() -> pd.DataFrame:
    empty = pd.DataFrame({name: pd.Series(dtype="str") for name in ("panel", "recipe")})
    return empty.assign(steps_1e3=pd.Series(dtype="float64"), value=pd.Series(dtype="float64"))
