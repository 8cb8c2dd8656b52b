"""The cells of a place on the leaderboard: the runs of a recipe at a task and target."""

import math
from dataclasses import dataclass

import pandas as pd

from pgf.analysis.figures.timeline import timeline
from pgf.analysis.tables.admission import recovered
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.wording import with_limits

SHARES = ("recipe.dense", "recipe.fine_tune")
NOT_OPTIONS = (*SHARES, "recipe.kind", "recipe.gradient")
"""Columns of a recipe that are shown in other words."""


@dataclass(frozen=True)
class CellRow:
    """A recipe at a task and target, as texts."""

    task: str
    target: str
    share: str
    measure: str
    """Name of the measure that runs are compared by."""
    losses: tuple[tuple[int, str], ...]
    """(seed, that measure after the last step), seeds rising."""
    learning_rate: str
    trials: str
    settings: str
    phases: str
    minutes: str
    """Of training, mean over the runs."""


def cell_row(context: Context, recipe: str, task: str, target: str) -> CellRow:
    """Return what is known of a cell that has runs."""
    losses = losses_of(context, task)
    own = losses.of(recipe, target).sort_index()
    sign = -1.0 if losses.measure.higher_is_better else 1.0
    runs = context.task_runs(task)
    runs = runs[(runs["recipe"] == recipe) & (runs["target"] == target)]
    trials = context.trials.get((task, recipe, target), 0)
    return CellRow(
        task=task,
        target=target_label(target),
        share=with_limits(recovered(context, task, target, recipe), 0),
        measure=losses.measure.name,
        losses=tuple(
            (int(seed), f"{sign * loss:.4g}")
            for seed, loss in zip(own.index.tolist(), own.tolist(), strict=True)
        ),
        learning_rate=_only(runs, "training.learning_rate"),
        trials=str(trials or "not known"),
        settings=_settings(runs),
        phases=_phases(context, recipe, task, target),
        minutes=_minutes(runs),
    )


def _only(runs: pd.DataFrame, column: str) -> str:
    """Return the values of a column, most often one."""
    if column not in runs:
        return "-"
    return ", ".join(f"{value:g}" for value in sorted(runs[column].dropna().unique())) or "-"


def _settings(runs: pd.DataFrame) -> str:
    columns = map(str, runs.columns)
    names = [c for c in columns if c.startswith("recipe.") and c not in NOT_OPTIONS]
    known = {name: runs[name].dropna().unique() for name in sorted(names)}
    said = [
        f"{name.removeprefix('recipe.')} {', '.join(map(_text, values))}"
        for name, values in known.items()
        if len(values)
    ]
    if "recipe.gradient" in runs:
        said.insert(0, " ".join(map(str, runs["recipe.gradient"].unique())).replace("_", "-"))
    return "; ".join(said)


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _phases(context: Context, recipe: str, task: str, target: str) -> str:
    found = timeline(context, task, recipe, target)
    if found is None:
        return "-"
    said = [f"dense to step {found.start}"] if found.start else []
    said += [f"fixed from step {found.end}"] if found.end < found.total else []
    return "; ".join([*said, f"{found.total} steps"])


def _minutes(runs: pd.DataFrame) -> str:
    if "train_seconds" not in runs:
        return "-"
    seconds = float(runs["train_seconds"].astype("float64").mean())
    return f"{seconds / 60:.2g} min" if math.isfinite(seconds) else "-"
