"""The share of training that waits for its data."""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Measurement, Part, Progress
from pgf.errors import UserError
from pgf.experiments import RunSpec, load_experiment
from pgf.tasks import Images, make_task
from pgf.training import Run, training_step

EXPERIMENTS = ("laptop", "cifar10_vit_tiny", "multi30k_encdec")
STEPS, WARM_UP = 60, 5
ON_DEVICE = {"on_device": True, "crop_scale": (0.25, 1.0), "interpolation": "bilinear"}
TARGET = 0.02


@PARTS.register("waiting")
def waiting(progress: Progress) -> Part:
    """One SR-STE run of every task of a few experiments, as their configs have them.

    Images also as the option `on_device` has them, with random crops.
    """
    lines = []
    for name in EXPERIMENTS:
        specs = [spec for spec in load_experiment(name).runs() if spec.recipe.name == "sr_ste"]
        for spec in {spec.task.name: spec for spec in specs}.values():
            for what, own in _ways(spec):
                progress(f"waiting: {what}")
                try:
                    lines.append(_measure(what, Run.make(own)))
                except UserError as error:  # mostly: no data here
                    progress(f"waiting: {what} is left out: {error}")
                    missing = f"{what} (cannot be trained here: PGF_DATA?)"
                    lines.append(Measurement(what=missing, unit="ms", ours=None, target=TARGET))
    return Part(
        title="Waiting for data, CPU",
        ratio_of="ours / step",
        lines=tuple(lines),
        notes=(f"Milliseconds until a batch is there, over those of the step; {STEPS} steps.",),
    )


def _ways(spec: RunSpec) -> Iterator[tuple[str, RunSpec]]:
    """Yield a run as its config has it, and what else its input could be."""
    spec = replace(spec, training=replace(spec.training, device="cpu"))
    yield spec.task.name, spec
    if isinstance(make_task(spec.task), Images):
        options = {**spec.task.options, **ON_DEVICE}
        yield (
            f"{spec.task.name}, on_device, cropped",
            replace(spec, task=replace(spec.task, options=options)),
        )


def _measure(what: str, run: Run) -> Measurement:
    settings = run.spec.training
    stream = run.splits.train.stream(batch_size=settings.batch_size, seed=run.spec.seed)
    waited = whole = 0.0
    for step in range(WARM_UP + STEPS):
        began = perf_counter()
        batch = next(stream)
        got = perf_counter()
        training_step(run, batch)
        run.step += 1
        if step >= WARM_UP:
            waited += got - began
            whole += perf_counter() - began
    return Measurement(
        what=f"{what}, batch {settings.batch_size}",
        unit="ms",
        floor=1e3 * whole / STEPS,
        ours=1e3 * waited / STEPS,
        ratio=waited / whole,
        target=TARGET,
    )
