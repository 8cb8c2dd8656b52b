"""What tuning has chosen: a file that is committed, and that a config's runs take."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pgf.errors import UserError
from pgf.experiments.tuning_settings import selection_path
from pgf.experiments.validation import read_yaml

HEAD = """# Made by `pgf tune {name}`, from validation losses alone; not to be edited.
# Trials: learning rate (and other options) -> mean validation loss over {seeds} seeds.
"""
KEYS = {"learning_rate", "options", "loss", "trials"}


@dataclass(frozen=True)
class Choice:
    """The settings that a column is run with at one target of one task."""

    learning_rate: float
    options: dict[str, float]
    trials: int


@dataclass(frozen=True)
class Selection:
    """What was chosen for an experiment."""

    name: str
    choices: dict[tuple[str, str, str], Choice]
    """(task, target, column) -> its choice."""

    @classmethod
    def read(cls, name: str) -> "Selection":
        """Read the selection of an experiment.

        Raises:
            UserError: there is none, it is of another form, or its columns had unequal budgets.
        """
        return cls(name, _read(name))

    def of(self, task: str, column: str, target: str) -> Choice:
        """Return the choice for a column at a target.

        Raises:
            UserError: there is none, because the config has changed since.
        """
        if (task, target, column) not in self.choices:
            raise UserError(
                f"{selection_path(self.name)} has no choice for {column} at {target} of {task}: it "
                f"is of an earlier config; pgf tune {self.name}"
            )
        return self.choices[task, target, column]


def _read(name: str) -> dict[tuple[str, str, str], Choice]:
    path = selection_path(name)
    if not path.exists():
        raise UserError(f"{path} with the tuned learning rates is not there yet: pgf tune {name}")
    values = read_yaml(path)
    found: dict[tuple[str, str, str], Choice] = {}
    for task, target, column, entry in _entries(values.get("choices"), path):
        if not isinstance(entry, dict) or set(entry) != KEYS or not entry["learning_rate"]:
            raise UserError(
                f"{path}: {task}, {target}, {column} must have {', '.join(sorted(KEYS))}: "
                f"delete the file, and pgf tune {name}"
            )
        found[task, target, column] = Choice(
            float(entry["learning_rate"]), dict(entry["options"] or {}), len(entry["trials"])
        )
    budgets = {choice.trials for choice in found.values()}
    if len(budgets) > 1:
        raise UserError(
            f"{path}: columns were tuned with {min(budgets)} to {max(budgets)} trials, where all "
            f"must have the same number: pgf tune {name}"
        )
    return found


def _entries(values: Any, path: Path) -> list[tuple[str, str, str, Any]]:
    try:
        return [
            (str(task), str(target), str(column), entry)
            for task, targets in values.items()
            for target, columns in targets.items()
            for column, entry in columns.items()
        ]
    except AttributeError as error:
        raise UserError(f"{path} must have choices: task, target and column below it") from error


def selection_text(name: str, seeds: int, choices: Mapping[str, Any]) -> str:
    """Return the file of a selection."""
    body = yaml.safe_dump(
        {"experiment": name, "choices": dict(choices)}, sort_keys=False, width=100
    )
    return HEAD.format(name=name, seeds=seeds) + body
