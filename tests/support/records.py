"""Planned runs, and their records and curves as training would write them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.records.record import CURVES, write_record
from support.synthetic import RECIPES, STEPS, curve_rows, run_row


def spec(seed: int = 0, *, recipe: str = "sr_ste", target: str = "1:16(FF)") -> RunSpec:
    """Return a planned run."""
    return RunSpec(
        experiment="test",
        task=TaskSettings(name="toy", kind="digits"),
        recipe=RecipeSettings(name=recipe, kind="sr_ste", label=RECIPES[recipe]),
        target=target,
        references=(target,),
        seed=seed,
        training=TrainingSettings(steps=STEPS, batch_size=8, learning_rate=1e-3),
        statistics=StatisticsSettings(),
    )


def write_run(spec: RunSpec, results: Path, **changes: Any) -> None:
    """Write a run's record and curves as training would."""
    row = run_row(spec.recipe.name, spec.target, spec.seed, 80.0 + spec.seed)
    del row["mixed"]
    settings = asdict(spec.training)
    row |= {f"training.{key}": value for key, value in settings.items()}
    row |= {"fingerprint": spec.fingerprint(), "sparsity": 0.9375, "sparsity.fc1": 0.9375}
    directory = spec.directory(results)
    directory.mkdir(parents=True, exist_ok=True)
    overall = curve_rows(row, "loss", [2.0, 1.0])
    moment = curve_rows(row, "second_moment_norm", [3.0, 4.0]).assign(layer="fc1")
    curves = pd.concat([overall, overall.assign(layer="fc1"), moment])
    curves[["step", "name", "layer", "reference", "value"]].to_parquet(directory / CURVES)
    write_record(directory, row | changes)
