"""The selection file: tuned settings, committed, from which the runs of a config take theirs."""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pgf.errors import UserError
from pgf.experiments.tuning_settings import selection_path, trial_key
from pgf.experiments.yaml_files import read_yaml

HEAD = """# Made by `pgf tune {name}`, from validation losses alone; not to be edited.
# Trials: learning rate (and other options) -> mean validation loss over {seeds} seeds.
"""
KEYS = {"learning_rate", "options", "loss", "trials"}
UNFINISHED = "unfinished"
"""Key of a file that holds the trials so far."""
Fingerprints = Mapping[tuple[str, str], str]
"""(task, column) -> a hash of what its trials depend on."""
Trials = Mapping[tuple[str, str, str], Mapping[str, float | str]]
"""(task, target, column) -> name of a trial -> its loss, or `diverged`."""


@dataclass(frozen=True)
class Choice:
    """The settings that a column is run with at one target of one task."""

    learning_rate: float
    options: dict[str, float]
    trials: int


@dataclass(frozen=True)
class Selection:
    """The tuned settings of an experiment, for every task, target and column."""

    name: str
    choices: dict[tuple[str, str, str], Choice]
    """(task, target, column) -> its choice."""

    @classmethod
    def read(
        cls, name: str, settings: Fingerprints, *, removing: Collection[str] = ()
    ) -> "Selection":
        """Read the selection of an experiment.

        Args:
            name: the experiment's.
            settings: its `tuning_fingerprints`.
            removing: its columns that may have had more trials than the others.

        Raises:
            UserError: there is none, it is of other settings or of another form, or its columns had
                unequal budgets.
        """
        found = _read(name, settings)
        _refuse_unequal(found, name, removing)
        return cls(name, found)

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

    def trials(self) -> dict[tuple[str, str, str], int]:
        """Return (task, column, target) -> number of trials."""
        return {
            (task, column, target): choice.trials
            for (task, target, column), choice in self.choices.items()
        }


def _read(name: str, settings: Fingerprints) -> dict[tuple[str, str, str], Choice]:
    path = selection_path(name)
    if not path.exists():
        raise UserError(f"{path} with the tuned learning rates is not there yet: pgf tune {name}")
    values = read_yaml(path)
    if values.get("experiment") != name:
        raise UserError(f"{path} is of the experiment {values.get('experiment')}: pgf tune {name}")
    stated = _settings_of(values, path)
    for (task, column), now in settings.items():
        if stated.get((task, column), now) != now:
            raise UserError(
                f"{path}: {column} of {task} was tuned with another task, recipe, training or grid "
                f"than {name} has now: pgf tune {name}"
            )
    if values.get(UNFINISHED):
        raise UserError(f"{path} is of a tuning that has not finished: pgf tune {name}")
    found: dict[tuple[str, str, str], Choice] = {}
    for task, target, column, entry in _entries(values.get("choices"), path):
        choice = _choice(entry, f"{path}: {task}, {target}, {column}", name)
        if (task, column) in settings:  # the config may have dropped one since
            found[task, target, column] = choice
    return found


def _settings_of(values: Mapping[str, Any], path: Path) -> Fingerprints:
    """Return (task, column) -> the hash of the settings that its trials had."""
    try:
        return {
            (str(task), str(column)): str(stated)
            for task, columns in values["settings"].items()
            for column, stated in columns.items()
        }
    except (KeyError, AttributeError) as error:
        raise UserError(f"{path} must have settings: task and column below it") from error


def is_selected(name: str) -> bool:
    """Return whether the tuning of an experiment has finished, so that its selection is there."""
    path = selection_path(name)
    return path.exists() and not read_yaml(path).get(UNFINISHED)


def known_trials(name: str, settings: Fingerprints) -> Trials:
    """Return the trials that a selection file holds of columns with the same settings.

    Those of other columns stay known where one is added to a config, or changed.

    Raises:
        UserError: the file is not what tuning writes.
    """
    path = selection_path(name)
    values = read_yaml(path) if path.exists() else {}
    if values.get("experiment") != name:
        return {}
    stated = _settings_of(values, path)
    return {
        (task, target, column): dict(_trials_of(entry, f"{path}: {task}, {target}, {column}", name))
        for task, target, column, entry in _entries(values.get("choices"), path)
        if (task, column) in settings and stated.get((task, column)) == settings[task, column]
    }


def _trials_of(entry: Any, where: str, name: str) -> dict[str, float | str]:
    _choice(entry, where, name)  # checks it
    return dict(entry["trials"])


def _refuse_unequal(
    found: Mapping[tuple[str, str, str], Choice], name: str, removing: Collection[str]
) -> None:
    for task in dict.fromkeys(task for task, _, _ in found):
        counts = {key: choice.trials for key, choice in found.items() if key[0] == task}
        others = [n for (_, _, column), n in counts.items() if column not in removing]
        least, most = min(counts.values()), max(others, default=0)
        if least < most:
            raise UserError(
                f"{selection_path(name)}: columns of {task} were tuned with {least} to {most} "
                f"trials, where all must have the same number: pgf tune {name}"
            )


def _choice(entry: Any, where: str, name: str) -> Choice:
    """Return an entry of the file as a choice: the trial of least loss."""
    try:
        rate, options = float(entry["learning_rate"]), dict(entry["options"])
        trials, options = entry["trials"], {key: float(v) for key, v in options.items()}
        losses = [float(x) for x in trials.values() if x != "diverged"]
        least = min(losses, default="diverged")
        if not all(map(math.isfinite, [rate, *options.values(), *losses])):
            raise ValueError
        is_best = entry["loss"] == trials[trial_key(rate, options)] == least
        if set(entry) == KEYS and rate > 0 and is_best:
            return Choice(rate, options, len(trials))
    except (TypeError, ValueError, KeyError, AttributeError):
        pass
    raise UserError(f"{where} is not what tuning writes: delete the file, and pgf tune {name}")


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


def selection_text(
    name: str,
    settings: Fingerprints,
    seeds: int,
    choices: Mapping[str, Any],
    *,
    unfinished: bool = False,
) -> str:
    """Return the file of a selection, or of the trials so far.

    Args:
        name: the experiment's.
        settings: its `tuning_fingerprints`.
        seeds: of every trial.
        choices: task, target and column -> the choice.
        unfinished: whether trials are missing: nothing but tuning reads the file then.
    """
    values: dict[str, Any] = {"experiment": name, "settings": {}}
    for (task, column), stated in settings.items():
        values["settings"].setdefault(task, {})[column] = stated
    values |= {UNFINISHED: True} if unfinished else {}
    values["choices"] = dict(choices)
    body = yaml.safe_dump(values, sort_keys=False, width=100)
    return HEAD.format(name=name, seeds=seeds) + body
