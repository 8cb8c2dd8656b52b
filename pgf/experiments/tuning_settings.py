"""Settings of tuning in a config."""

from collections.abc import Mapping
from dataclasses import field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from pgf.experiments.settings import KNOWN_KEYS, Positive

SELECTIONS = Path("configs/selections")
LEAST_RATES = 4
LEAST_RATIO = 1.9
"""Of two neighbouring rates: refinement tries the root of 2 between them."""
LEAST_SEEDS = 2
Seed = Annotated[int, Field(ge=0, strict=True)]


@dataclass(frozen=True, kw_only=True, config=KNOWN_KEYS)
class TuningSettings:
    """The first grid of learning rates, and the seeds of trials."""

    learning_rates: list[Positive] = field(default_factory=list)
    """At least four, rising, such as in steps of 2."""
    seeds: list[Seed] = field(default_factory=lambda: [100, 101])
    """At least two, none of which a table has."""

    @model_validator(mode="after")
    def _fit_together(self) -> "TuningSettings":
        rates = self.learning_rates
        if len(rates) < LEAST_RATES or sorted(set(rates)) != rates:
            raise ValueError(
                f"learning_rates {rates}: at least {LEAST_RATES}, each above the one before"
            )
        if any(above / below < LEAST_RATIO for below, above in pairwise(rates)):
            raise ValueError(f"learning_rates {rates}: in steps of 2 at least")
        if len(set(self.seeds)) != len(self.seeds) or len(self.seeds) < LEAST_SEEDS:
            raise ValueError(f"seeds {self.seeds}: at least {LEAST_SEEDS}, all different")
        return self


def trial_key(learning_rate: float, options: Mapping[str, float]) -> str:
    """Return the name of a trial in a selection file: its rate, and options that differ."""
    return ", ".join([f"{learning_rate:g}", *(f"{key} {v:g}" for key, v in options.items())])


def trial_of(key: str) -> tuple[float, dict[str, float]]:
    """Return the rate and the options that `trial_key` names."""
    rate, *options = key.split(", ")
    pairs = (option.rsplit(" ", 1) for option in options)
    return float(rate), {name: float(value) for name, value in pairs}


def selection_path(name: str) -> Path:
    """Return the file that holds what tuning has chosen for an experiment."""
    return SELECTIONS / f"{name}.yaml"
