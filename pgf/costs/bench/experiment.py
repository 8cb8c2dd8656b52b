"""A training step of an experiment's recipes, timed as ratios to dense within one measurement."""

from dataclasses import replace
from time import perf_counter

from pgf.costs.bench.contender import Contender
from pgf.costs.bench.timing import gpu_clock, milliseconds, ratio, rotate
from pgf.errors import UserError
from pgf.experiments import RunSpec, StatisticsSettings
from pgf.training import HARDLY_EVER, Run

ROUNDS = 8
STEPS = 25
"""Steps in a row; statistics fall on some of them."""


def measure_steps(specs: list[RunSpec]) -> list[tuple[str, float, float, float]]:
    """Return (what, milliseconds a step, ratio to dense, spread of that ratio) of each recipe.

    Statistics are off but for the last row, which has a dense run with the default sampling.
    """
    dense = next((spec for spec in specs if spec.target == "dense"), None)
    if dense is None:
        raise UserError("the experiment has no dense recipe to compare with")
    steps = 1 + (ROUNDS + 1) * STEPS
    long = {s.recipe.name: replace(s, training=replace(s.training, steps=steps)) for s in specs}
    quiet = [replace(spec, statistics=HARDLY_EVER) for spec in long.values()]
    watched = replace(long[dense.recipe.name], statistics=StatisticsSettings())
    runs = {spec.short_title: Contender(Run.make(spec)) for spec in quiet}
    runs["Dense, statistics on"] = Contender(Run.make(watched))
    on_gpu = [contender.run.device.type == "cuda" for contender in runs.values()]
    times = rotate(
        {name: run.step for name, run in runs.items()},
        rounds=ROUNDS,
        repeats=STEPS,
        clock=gpu_clock if any(on_gpu) else perf_counter,
    )
    found = {name: ratio(own, times[dense.short_title]) for name, own in times.items()}
    return [
        (name, milliseconds(times[name]), own.median, own.spread) for name, own in found.items()
    ]
