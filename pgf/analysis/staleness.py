"""Comparison of collected runs with the settings that their config has now."""

import json
import math
from collections import Counter
from dataclasses import asdict
from functools import cache
from io import StringIO
from typing import Any

import pandas as pd

from pgf.errors import UserError
from pgf.experiments import UNNUMBERED, Experiment, RunSpec

UNASKED = "runs that the config does not ask for"
NAMED = 3
"""Differences that an error names."""


class OtherSettingsError(UserError):
    """Collected runs are not those of the config as it is now."""


def check_settings(experiment: Experiment, runs: pd.DataFrame, *, where: str) -> None:
    """Check that runs have the settings that the config has now; their code may be older.

    Args:
        experiment: the config.
        runs: one row a run, as collected.
        where: the file that the rows come from, for the error.

    Raises:
        OtherSettingsError: settings differ, or a run is none that the config asks for.
    """
    if odd := differences_of(experiment, runs):
        said = [f"{text} ({count} runs)" for text, count in odd.most_common(NAMED)]
        raise OtherSettingsError(
            f"{where} is not of the config as it is now: {'; '.join(said)}: train what has "
            f"changed (pgf reproduce {experiment.name}), or take the change back"
        )


def differences_of(
    experiment: Experiment, runs: pd.DataFrame, *, any_seed: bool = False
) -> Counter[str]:
    """Return what differs from the config's settings, and in how many runs.

    Args:
        experiment: the config.
        runs: one row a run, as collected.
        any_seed: whether seeds may be others than the config's.
    """
    wanted = {_key(spec, any_seed): spec for spec in experiment.runs()}
    seeds = [0] * len(runs) if any_seed else runs["seed"]
    keys = zip(runs["task"], runs["recipe"], runs["target"], seeds, strict=True)
    odd = Counter[str]()
    for key, record in zip(keys, runs.to_dict("records"), strict=True):
        spec = wanted.get(key)
        odd.update([UNASKED] if spec is None else _differences(spec, record))
    return odd


def _key(spec: RunSpec, any_seed: bool) -> tuple[str, str, str, int]:
    return spec.task.name, spec.recipe.name, spec.target, 0 if any_seed else spec.seed


def _differences(spec: RunSpec, record: dict[Any, Any]) -> list[str]:
    settings = spec.settings()
    parts = {
        "task": {"kind": settings["task"]["kind"], **settings["task"]["options"]},
        "recipe": {"kind": settings["recipe"]["kind"], **asdict(spec.make_recipe())},
        "training": {k: v for k, v in settings["training"].items() if k not in UNNUMBERED},
        "statistics": settings["statistics"],
    }
    found = []
    for part, values in parts.items():
        for name, value in values.items():
            column = f"{part}.{name}"
            # Older files lack settings that came later; of a task they have what it was given.
            is_known = column in record or part == "task"
            if is_known and not _same(record.get(column), value):
                found.append(f"{column} {record.get(column)}, now {json.dumps(value, default=str)}")
    asked = {f"task.{name}" for name in parts["task"]}
    options = {name for name in map(str, record) if name.startswith("task.")} - asked
    gone = sorted(name for name in options if not _same(record[name], None))
    return [*found, *(f"{name} {record[name]}, now not given" for name in gone)]


def _same(cell: Any, value: Any) -> bool:
    """Return whether a cell of the file is a setting's value as the file writes it."""
    if value is None or cell is None:
        return value is None and (cell is None or (isinstance(cell, float) and math.isnan(cell)))
    if isinstance(value, list | tuple | dict):
        return str(cell) == json.dumps(value, sort_keys=True, default=str)
    if isinstance(value, str):
        return str(cell) == value or _equal(cell, _as_read(value))
    if isinstance(value, bool) or isinstance(cell, bool):
        return str(cell) == str(value)
    if not isinstance(cell, str):
        return float(cell) == float(value)
    return str(cell) == str(value)


@cache
def _as_read(text: str) -> Any:
    """Return what pandas makes of a text in a CSV file: a number of "2017", NaN of "None"."""
    written = pd.DataFrame({"value": [text]}).to_csv(index=False)
    return pd.read_csv(StringIO(written), skip_blank_lines=False)["value"].tolist()[0]


def _equal(cell: Any, value: Any) -> bool:
    return bool(cell == value or (cell != cell and value != value))
