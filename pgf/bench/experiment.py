"""Cost of a training step, as ratios to dense within one measurement."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from time import perf_counter

from pgf.data.streams import Batch
from pgf.errors import UserError
from pgf.preflight import HARDLY_EVER
from pgf.running import Run
from pgf.runs import RunSpec
from pgf.settings import StatisticsSettings
from pgf.steps import training_step

ROUNDS = 8
STEPS = 25


class Contender:
    """A run that is stepped in turn with others."""

    def __init__(self, spec: RunSpec) -> None:
        self.run = Run.make(spec)
        self.stream: Iterator[Batch] = self.run.splits.train.stream(
            batch_size=spec.training.batch_size, seed=spec.seed
        )
        self.times: list[float] = []
        self.round()
        self.times.clear()

    def round(self) -> None:
        """Time a few steps together; statistics fall on some of them."""
        began = perf_counter()
        for _ in range(STEPS):
            training_step(self.run, next(self.stream))
            self.run.step += 1
        self.times.append((perf_counter() - began) / STEPS)


def measure(specs: list[RunSpec]) -> list[tuple[str, float, float, float]]:
    """Return (what, milliseconds a step, ratio to dense, spread of that ratio) of each recipe.

    All are stepped in rotation, so that a machine that slows down slows all of them. Statistics
    are off but for the last row, which has a dense run with the default sampling. The spread is
    half the distance between the quartiles of the rounds' ratios.
    """
    dense = next((spec for spec in specs if spec.target == "dense"), None)
    if dense is None:
        raise UserError("the experiment has no dense recipe to compare with")
    steps = (ROUNDS + 2) * STEPS
    long = {s.recipe.name: replace(s, training=replace(s.training, steps=steps)) for s in specs}
    contenders = {
        spec.short_title: Contender(replace(spec, statistics=HARDLY_EVER)) for spec in long.values()
    }
    with_statistics = replace(long[dense.recipe.name], statistics=StatisticsSettings())
    contenders["Dense, statistics on"] = Contender(with_statistics)
    for _ in range(ROUNDS):
        for contender in contenders.values():
            contender.round()
    base = contenders[dense.short_title].times
    return [(name, *_summary(contender.times, base)) for name, contender in contenders.items()]


def _summary(times: list[float], base: list[float]) -> tuple[float, float, float]:
    ratios = sorted(t / b for t, b in zip(times, base, strict=True))
    quarter = len(ratios) // 4
    spread = (ratios[-1 - quarter] - ratios[quarter]) / 2
    return 1e3 * median(times), median(ratios), spread
