"""What only the models and the data can say: checked once, before any run starts."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import torch

from pgf.errors import UserError
from pgf.flops import count_flops
from pgf.layers import select_layers
from pgf.optimization import check_optimization, choose_device
from pgf.patterns import Target
from pgf.runs import RunSpec
from pgf.settings import StatisticsSettings
from pgf.tasks import make_task
from pgf.train import Run, training_step

WARM_UP_STEPS = 2
TIMED_STEPS = 5
TIMED_FLOPS = 4e11
"""Operations of a step that a CPU core takes a few seconds for."""
HARDLY_EVER = StatisticsSettings(every=10**9, noise_every=10**9)


def check_runs(specs: Sequence[RunSpec]) -> None:
    """Check that the tasks' options, models, data and targets go together.

    Raises:
        UserError: the first thing that is wrong, with the task it is wrong for.
    """
    for spec in {spec.task.name: spec for spec in specs}.values():
        try:
            check_optimization(spec.training)
            choose_device(spec.training)
            task = make_task(spec.task)
            size = len(task.load().train)
            if size < spec.training.batch_size:
                raise UserError(
                    f"batch_size {spec.training.batch_size} exceeds the {size} samples to train"
                )
            with torch.device("meta"):  # nothing but names and shapes is asked of it
                model = task.model()
            own = [s.target for s in specs if s.task.name == spec.task.name]
            for target in dict.fromkeys(own):
                select_layers(model, Target.parse(target), task.groups or None)
        except UserError as error:
            raise UserError(f"task {spec.task.name}: {error}") from error


def seconds_per_step(spec: RunSpec) -> float:
    """Return the time of an optimiser step of a run on this machine, measured over a few.

    Measured on one micro-batch, or on fewer samples where a CPU would take minutes over that, and
    scaled up to the whole batch.
    """
    task = make_task(spec.task)
    samples = spec.training.batch_size // spec.training.accumulation
    if choose_device(spec.training).type == "cpu":
        with torch.device("meta"):
            cost = count_flops(task, task.model()).training
        samples = max(2, min(samples, round(TIMED_FLOPS / cost) // 2 * 2))
    training = replace(spec.training, batch_size=samples, accumulation=1)
    run = Run.make(replace(spec, training=training, statistics=HARDLY_EVER), task=task)
    stream = run.splits.train.stream(batch_size=samples, seed=spec.seed)
    for _ in range(WARM_UP_STEPS):
        training_step(run, next(stream))
        run.step += 1
    began = perf_counter()
    for _ in range(TIMED_STEPS):
        training_step(run, next(stream))
        run.step += 1
    return (perf_counter() - began) / TIMED_STEPS * spec.training.batch_size / samples
