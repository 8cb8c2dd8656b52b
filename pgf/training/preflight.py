"""Checks that need models and data, made once before any run starts."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from time import perf_counter

import torch
from torch import nn

from pgf.errors import UserError
from pgf.experiments import RunSpec, StatisticsSettings
from pgf.recipes import Target
from pgf.sparsity import select_layers
from pgf.tasks import Splits, Task, make_task
from pgf.training.flops import count_flops
from pgf.training.optimization import check_optimization, choose_device
from pgf.training.recipe_checks import check_recipes
from pgf.training.run_state import Run
from pgf.training.stack import check_stack
from pgf.training.step import training_step

WARM_UP_STEPS = 2
TIMED_STEPS = 5
TIMED_FLOPS = 4e11
"""Operations of a step that a CPU core takes a few seconds for."""
HARDLY_EVER = StatisticsSettings(every=10**9, noise_every=10**9)


def check_runs(specs: Sequence[RunSpec], *, train_here: bool = True) -> None:
    """Check that the tasks' options, models, data and targets go together.

    Args:
        specs: the runs.
        train_here: whether on this machine, which then must have what they ask for.

    Raises:
        UserError: the first thing that is wrong, with the task it is wrong for.
    """
    for spec in {spec.task.name: spec for spec in specs}.values():
        try:
            check_optimization(spec.training)
            if train_here:
                choose_device(spec.training)
            task = make_task(spec.task)
            task.check(spec.training)
            data = task.load().train
            size = len(data)
            if size < spec.training.batch_size:
                raise UserError(
                    f"batch_size {spec.training.batch_size} exceeds the {size} samples to train"
                )
            with torch.device("meta"):  # nothing but names and shapes is asked of it
                model = task.model()
            _check_forward(task, model)
            check_stack(model, spec.training, data)
            own = [s for s in specs if s.task.name == spec.task.name]
            for target in dict.fromkeys(s.target for s in own):
                select_layers(model, Target.parse(target), task.groups or None)
            check_recipes(task, model, own)
        except UserError as error:
            raise UserError(f"task {spec.task.name}: {error}") from error


def _check_forward(task: Task, model: nn.Module) -> None:
    try:
        count_flops(task, model)
    except Exception as error:  # whatever one of a thousand models raises
        shape = "x".join(str(size) for size in task.example()[0].shape[1:])
        reason = " ".join(str(error).split())
        raise UserError(f"the model cannot compute on an input of {shape}: {reason}") from error


def seconds_per_step(spec: RunSpec) -> float:
    """Return the time of an optimiser step of a run on this machine, measured over a few.

    Measured on two numbers of samples, at most a micro-batch and few enough for a CPU to take
    seconds, and continued in a straight line to the whole batch: optimiser and masks cost the same
    for any number.
    """
    task = make_task(spec.task)
    most = spec.training.batch_size // (spec.training.accumulation * spec.training.processes)
    if choose_device(spec.training).type == "cpu":
        with torch.device("meta"):
            cost = count_flops(task, task.model()).training
        most = min(most, max(4, round(TIMED_FLOPS / cost) // 4 * 4))
    splits = task.load()
    long = _seconds(spec, task, splits, samples=most)
    share = spec.training.batch_size // spec.training.processes
    few = most // 4 * 2
    if not few:
        return long * share / most
    short = _seconds(spec, task, splits, samples=few)
    # Noise may make fewer samples look the slower ones.
    slope = max((long - short) / (most - few), long / most / 2)
    return long + slope * (share - most)


def _seconds(spec: RunSpec, task: Task, splits: Splits, *, samples: int) -> float:
    training = replace(spec.training, batch_size=samples, accumulation=1, processes=1)
    spec = replace(spec, training=training, statistics=HARDLY_EVER)
    run = Run.make(spec, task=task, splits=splits)
    stream = run.splits.train.stream(batch_size=samples, seed=spec.seed)
    times = []
    for _ in range(WARM_UP_STEPS + TIMED_STEPS):
        began = perf_counter()
        training_step(run, next(stream))
        run.read_losses()  # waits for the device
        run.step += 1
        times.append(perf_counter() - began)
    return median(times[WARM_UP_STEPS:])
