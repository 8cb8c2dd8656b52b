"""The checks of a submission: its config, trials, records and data, the laws, and a run again."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from pgf.analysis import context_of
from pgf.errors import UserError
from pgf.experiments import Experiment, RunSpec, load_experiment, selection_path
from pgf.jobs.conformance import Finding, check_recipe
from pgf.jobs.job import run_job
from pgf.jobs.submissions import SELECTION, base_of, other_column, other_keys
from pgf.records import RECORD, read_collected, read_record

COMPARED = ("data", "code", "train_seconds", "final_loss")
"""Columns of the records that the checks read."""
ROUNDING = 1e-3
"""Relative difference of losses that another processor may make in a cheap run."""


def examine(folder: Path, committed: Path, *, laws: bool = True) -> Iterator[Finding]:
    """Yield what each check finds of a submission.

    Args:
        folder: of the submission.
        committed: the committed results, with those of its experiment.
        laws: False to leave out the laws of recipes, which take minutes.

    Raises:
        UserError: it cannot be read at all.
    """
    base = load_experiment(base_of(folder))
    own = load_experiment(str(folder / f"{folder.name}.yaml"))
    law = "its config is the experiment's, but for the column"
    yield Finding(law, other_keys(base, own) or other_column(base, own))
    if own.tuning:
        yield Finding("its tuned settings are those of its folder", _other_selection(folder))
    yield Finding("it had no more tuning trials than the experiment's columns", _budget(base, own))
    context = context_of(own, folder.parent)
    missing = [cell for task in own.tasks for cell in context.missing(task)]
    yield Finding("all of its runs are there", f"{len(missing)} are missing" if missing else None)
    theirs = read_collected(committed / base.name).runs
    if lacking := [name for name in COMPARED if name not in context.runs]:
        raise UserError(
            f"{folder}/runs.csv lacks the columns {', '.join(lacking)}: pgf submit again"
        )
    yield Finding("its data are the experiment's", _other_data(theirs, context.runs))
    if set(theirs["code"]) != set(context.runs["code"]):
        law = "a cheap run of the experiment, trained by this numeric code, ends as committed"
        yield Finding(law, _again(base, theirs))
    kind = own.recipes[next(iter(own.recipes))].recipe or ""
    if laws:
        yield from check_recipe(kind, {}, target="1:4(FF)+2:8(QK)")
    yield Finding("a cheap run, trained again, ends the same", _again(own, context.runs))


def _other_selection(folder: Path) -> str | None:
    used = selection_path(folder.name)
    if not (folder / SELECTION).is_file():
        return f"{folder / SELECTION} is missing"
    if used.read_bytes() != (folder / SELECTION).read_bytes():
        return f"{used} and {folder / SELECTION} differ"
    return None


def _budget(base: Experiment, own: Experiment) -> str | None:
    if base.selection is None or own.selection is None:
        return None
    free = set(base.removing())
    most: dict[tuple[str, str], int] = {}
    for (task, column, target), count in base.selection.trials().items():
        if column not in free:
            most[task, target] = max(count, most.get((task, target), 0))
    for (task, _, target), count in own.selection.trials().items():
        if count > most.get((task, target), 0):
            return f"{count} trials at {target} of {task}, and {most.get((task, target), 0)} there"
    return None


def _other_data(theirs: pd.DataFrame, own: pd.DataFrame) -> str | None:
    for task, runs in own.groupby("task"):
        if set(runs["data"]) != set(theirs.loc[theirs["task"] == task, "data"]):
            return f"the data of {task} are others"
    return None


def _again(experiment: Experiment, runs: pd.DataFrame) -> str | None:
    """Train the run again that took least time; return how it ends otherwise."""
    ended = runs[runs["status"] == "complete"]
    if ended.empty:
        return "every run diverged"
    cheapest = ended.sort_values("train_seconds").iloc[0].to_dict()
    spec = next((spec for spec in experiment.runs() if _is(spec, cheapest)), None)
    if spec is None:
        return "its cheapest run is none that the config asks for"
    with TemporaryDirectory() as made:
        results = Path(made)
        run_job([spec], results, announce=_nobody, progress=_nobody)
        found = read_record(spec.directory(results) / RECORD)["final_loss"]
    expected = float(str(cheapest["final_loss"]))
    if found is not None and np.isclose(found, expected, rtol=ROUNDING):
        return None
    return f"{spec.title}: a loss of {found}, and {expected} in its records"


def _is(spec: RunSpec, row: dict[Any, Any]) -> bool:
    key = (spec.task.name, spec.recipe.name, spec.target, spec.seed)
    return key == (row["task"], row["recipe"], row["target"], row["seed"])


def _nobody(*told: Any) -> None:
    del told
