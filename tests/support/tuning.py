"""A small experiment that asks for tuning, and losses made up for its trials."""

import math
from pathlib import Path
from typing import Any

import yaml

from pgf.analysis.trials import choices_of
from pgf.experiments.config import load_experiment
from pgf.experiments.experiment import Experiment
from pgf.experiments.selection import selection_text
from pgf.experiments.tuning import Trial, stage_values
from pgf.experiments.tuning_settings import selection_path
from support.configs import GOOD

RATES = [0.001, 0.002, 0.004, 0.008]
VALUES: dict[str, Any] = {
    **GOOD,
    "tasks": {"digits": {"task": "digits_vit", "validation": {"evaluate_on": "validation"}}},
    "recipes": {"dense": {}, "sr_ste": {"options": {"lambda_w": 0.001}}, "mdgf_linear": {}},
    "tuning": {"learning_rates": RATES, "seeds": [100, 101]},
}


def made(**changes: Any) -> Experiment:
    """Return the experiment of a config in the current folder, with changes."""
    Path("file.yaml").write_text(yaml.safe_dump({**VALUES, **changes}, sort_keys=False))
    return load_experiment("file.yaml", tuned=False)


def stage_of(experiment: Experiment, stage: str, trials: list[Trial]) -> Experiment:
    """Return a stage of the tuning as an experiment."""
    values = stage_values(VALUES, experiment, stage, trials)
    path = Path(f"{values['name']}.yaml")
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return load_experiment(str(path))


def selected(experiment: Experiment, losses: dict[Trial, float]) -> None:
    """Write the selection file that these losses give."""
    path = selection_path(experiment.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = experiment.tuning_fingerprints()
    path.write_text(selection_text(experiment.name, settings, 2, choices_of(losses)))


def made_up(trials: list[Trial]) -> dict[Trial, float]:
    """Return losses that are least at 0.004 for sparse columns and at 0.002 for dense."""
    wanted = {"dense": 0.002}
    return {
        t: abs(math.log(t.learning_rate / wanted.get(t.cell.column, 0.004))) + 0.1 * len(t.options)
        for t in trials
    }
