"""The share of training that waits for its data."""

from time import perf_counter

from pgf.bench.model import Line, Part, Progress
from pgf.bench.registry import part
from pgf.config import load_experiment
from pgf.errors import UserError
from pgf.running import Run
from pgf.steps import training_step

EXPERIMENTS = ("laptop", "cifar10_vit_tiny", "multi30k_encdec")
STEPS, WARM_UP = 60, 5
TARGET = 0.02


@part("waiting")
def waiting(progress: Progress) -> Part:
    """One SR-STE run of every task of a few experiments, as their configs have them."""
    lines = []
    for name in EXPERIMENTS:
        specs = [spec for spec in load_experiment(name).runs() if spec.recipe.name == "sr_ste"]
        for spec in {spec.task.name: spec for spec in specs}.values():
            progress(f"waiting: {spec.task.name}")
            try:
                lines.append(_line(Run.make(spec)))
            except UserError:  # no data here
                what = f"{spec.task.name} (needs its data: PGF_DATA)"
                lines.append(Line(what=what, unit="ms", ours=None, target=TARGET))
    return Part(
        title="Waiting for data, CPU",
        ratio_of="ours / step",
        lines=tuple(lines),
        notes=(f"Milliseconds until a batch is there, over those of the step; {STEPS} steps.",),
    )


def _line(run: Run) -> Line:
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
    return Line(
        what=f"{run.spec.task.name}, batch {settings.batch_size}",
        unit="ms",
        floor=1e3 * whole / STEPS,
        ours=1e3 * waited / STEPS,
        ratio=waited / whole,
        target=TARGET,
    )
