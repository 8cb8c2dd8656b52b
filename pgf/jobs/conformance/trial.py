"""The short trainings that laws are tried on: a tiny Vision Transformer on the digits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pgf.experiments import (
    RecipeSettings,
    RunSpec,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.recipes import Calibrates, LearnsScores, Target
from pgf.sparsity import select_layers
from pgf.tasks import Splits, TensorData, find_task
from pgf.training import Run, train

STEPS = 20
SAMPLES = 120
"""Test images that an evaluation looks at: what is tried is not their accuracy."""
MODEL: dict[str, Any] = {"width": 32, "depth": 1, "heads": 2, "patch": 4}
TARGET = "1:4(FF)+2:8(QK)"
FEW = 4
"""Sparse steps after which runs that differ by rounding are compared: later masks may flip."""
TOLERANCE = 0.01
"""Largest distance of the weights of two such runs, as a share of the way they have gone."""
SELDOM = StatisticsSettings(every=10**6, noise_every=10**6)


@dataclass(frozen=True)
class Trial:
    """A recipe with its options, to be trained in several ways."""

    kind: str
    options: dict[str, Any]
    target: str = TARGET

    def spec(self, **training: Any) -> RunSpec:
        """Return the run; `training` are settings that differ from the usual ones."""
        values: dict[str, Any] = {"steps": STEPS, "batch_size": 24, "learning_rate": 4e-3}
        values |= {"evaluations": 2, "device": "cpu", "precision": "float32"}
        return RunSpec(
            experiment="conformance",
            task=TaskSettings(name="digits", kind="digits_vit", options=dict(MODEL)),
            recipe=RecipeSettings(
                name="recipe", kind=self.kind, label=self.kind, options=self.options
            ),
            target=self.target,
            references=(self.target,),
            seed=7,
            training=TrainingSettings(**{**values, **training}),
            statistics=SELDOM,
        )

    def run(
        self,
        *,
        statistics: StatisticsSettings = SELDOM,
        after: Callable[[Run], None] | None = None,
        **training: Any,
    ) -> Run:
        """Return a finished run; `after` is called after every step."""
        spec = replace(self.spec(**training), statistics=statistics)
        return train(Run.make(spec, splits=self.splits), progress=after)

    def check(self) -> None:
        """Check that the target names layers of the model, and that they hold its patterns.

        Raises:
            UserError: it does not.
        """
        target = Target.parse(self.target)
        select_layers(find_task("digits_vit")(**MODEL).model(), target)

    def begun(self, **training: Any) -> Run:
        """Return the run before its first step; `training` as for `spec`."""
        return Run.make(self.spec(**training), splits=self.splits)

    @property
    def averages(self) -> bool:
        """True if the recipe goes with a moving average of the weights."""
        return not isinstance(self.spec().make_recipe(), Calibrates | LearnsScores)

    @cached_property
    def splits(self) -> Splits:
        """The digits, with few of the test images."""
        splits = find_task("digits_vit")().load()
        assert isinstance(splits.test, TensorData)
        few = TensorData(splits.test.inputs[:SAMPLES], splits.test.labels[:SAMPLES])
        return replace(splits, test=few)

    @cached_property
    def usual(self) -> Run:
        """The finished run that others are compared with."""
        return self.run()


def values_of(run: Run) -> dict[str, Tensor]:
    """Return all that a run has learned: model, masters, scores."""
    masters = {f"master {name}": own.detach() for name, own in run.sparsifier.masters.items()}
    scores = {f"scores {name}": own.detach() for name, own in run.sparsifier.scores.items()}
    return {**dict(run.model.state_dict()), **masters, **scores}


def first_difference(run: Run, other: Run) -> str | None:
    """Return what of two runs is not bitwise the same; None if all is."""
    mine, theirs = values_of(run), values_of(other)
    for name, value in mine.items():
        if not torch.equal(value, theirs[name]):
            return name
    losses = [[e.values for e in each.evaluations] for each in (run, other)]
    return None if losses[0] == losses[1] else "an evaluation"


def values_after(trial: Trial, **training: Any) -> dict[str, Tensor]:
    """Return what a run has learned a few steps after its dense phase; as for `Trial.spec`."""
    found: dict[str, Tensor] = {}
    last = min(STEPS, trial.spec().make_recipe().clock(0, STEPS).start + FEW)

    def keep(run: Run) -> None:
        if run.step == last:
            found.update({name: value.clone() for name, value in values_of(run).items()})

    trial.run(after=keep, **training)
    return found


def way_apart(
    trial: Trial, usual: dict[str, Tensor], other: dict[str, Tensor], *, who: str
) -> str | None:
    """Return how far two runs are apart if it is more than rounding; None if not."""
    start = values_of(trial.begun())
    way = sum(float((usual[name] - value).abs().sum()) for name, value in start.items())
    gap = sum(float((usual[name] - value).abs().sum()) for name, value in other.items())
    if gap <= TOLERANCE * way:
        return None
    return f"with {who} weights end {gap / way:.1%} of their way apart"
