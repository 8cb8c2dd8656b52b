"""A good config, and what is changed in it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from pgf.experiments.config import load_experiment
from pgf.experiments.experiment import Experiment

GOOD: dict[str, Any] = {
    "name": "file",
    "tasks": {"digits": {"task": "digits_vit"}, "short": {"task": "digits_vit"}},
    "training": {"steps": 20, "batch_size": 8, "learning_rate": 0.01},
    "targets": ["1:4(FF)", "1:8(FF)+1:4(QK)"],
    "recipes": {
        "dense": {},
        "sr_ste": {},
        "linear": {"recipe": "mdgf_linear", "preset": "advised", "options": {"zero_at": 0.6}},
    },
    "seeds": [3, 1, 4],
    "runs_per_job": 2,
}


def changed(*path: str, to: Any) -> dict[str, Any]:
    """Return the good config with one value put in."""
    values = deepcopy(GOOD)
    inner = values
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    inner[path[-1]] = to
    return values


def write_small(folder: Path, **changes: str) -> str:
    """Write a config of one run, with the values in `changes` as YAML; return its path."""
    values = {
        "tasks": "{digits_vit: {}}",
        "training": "{steps: 3, batch_size: 8, learning_rate: 0.01}",
        "targets": "['1:4(FF)']",
        "recipes": "{sr_ste: {}}",
        "seeds": "[0]",
    }
    path = folder / "small.yaml"
    lines = [f"{key}: {value}" for key, value in {"name": "small", **values, **changes}.items()]
    path.write_text("\n".join(lines))
    return str(path)


def load(values: Any, folder: Path) -> Experiment:
    path = folder / "file.yaml"
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return load_experiment(str(path))


def as_untuned(name: str) -> Experiment:
    """Return an experiment of the project with every rate that of `training`."""
    return load_experiment(name, tuned=False).model_copy(update={"tuning": None})
