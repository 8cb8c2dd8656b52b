"""A sweep of small runs, against a process for each."""

import json
import math
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from pgf.costs.bench import PARTS
from pgf.costs.bench.model import Bound, Measurement, Part, Progress
from pgf.costs.bench.processes import PYTHON, run
from pgf.costs.bench.processes import together as side_by_side
from pgf.experiments import Experiment, RunSpec, load_experiment
from pgf.records import RECORD

RECIPES = (
    *("ste", "sr_ste", "mdgf_linear", "mdgf_exponential"),
    *("sdgf_stepwise", "sdgf_geometric", "random_mask", "one_shot"),
)
SEEDS = 4
STEPS = 400
ALONE = 4
"""Runs that are trained in a process of their own, to stand for all."""
TARGET = 4.0
CONFIG = Path("sweep.yaml")
TRAIN = [PYTHON, "-m", "pgf", "train", str(CONFIG)]
OF_THE_MACHINE = {"train_seconds", "checksum"}


@PARTS.register("sweep")
def sweep(progress: Progress) -> Part:
    """32 runs of `digits_vit`: a process each, one after another; and as a sweep trains them."""
    cores = os.cpu_count() or 1
    line, same = measure_sweep(progress, device="cpu", processes=cores, target=TARGET)
    return Part(
        title="Sweep of digits_vit, recipes x seeds",
        ratio_of="usual / ours",
        lines=(line,),
        notes=(
            f"The usual way: a process per run, one after another; {ALONE} were run and their "
            "median taken for all.",
            f"Ours: what one pack per core takes, from its start to its end. Records of the same "
            f"run in both are {'equal' if same else 'NOT EQUAL'}.",
        ),
    )


def measure_sweep(
    progress: Progress,
    *,
    device: str,
    processes: int,
    target: float,
    steps: int = STEPS,
    seeds: int = SEEDS,
    stack: int = 1,
) -> tuple[Measurement, bool]:
    """Measure a sweep; also return whether the same runs left the same records.

    Args:
        progress: told what goes on.
        device: where to train.
        processes: packs side by side.
        target: the least speed-up.
        steps: of a run.
        seeds: of every recipe.
        stack: runs of a pack that train as one.
    """
    with tempfile.TemporaryDirectory() as folder:
        length = {"device": device, "steps": steps}
        alone = _write(Path(folder) / "alone", length, seeds=seeds)
        together = _write(
            Path(folder) / "together", {**length, "stack": stack}, seeds=seeds, jobs=processes
        )
        specs = alone.runs()
        seconds = []
        for i, spec in enumerate(specs[:ALONE]):
            progress(f"sweep: run {i + 1} of {ALONE} in a process of its own")
            chosen = ("--recipe", spec.recipe.name, "--seed", str(spec.seed))
            seconds.append(run([*TRAIN, *chosen], cwd=Path(folder) / "alone").seconds)
        progress(f"sweep: {len(specs)} runs in {processes} processes")
        packs = [[*TRAIN, "--job", job] for job in together.jobs()]
        taken = side_by_side(packs, cwd=Path(folder) / "together")
        same = all(
            _record(spec, Path(folder) / "alone") == _record(spec, Path(folder) / "together")
            for spec in specs[:ALONE]
        )
    usual = median(seconds) * len(specs)
    line = Measurement(
        what=f"{len(specs)} runs of {steps} steps, {processes} processes, stacks of {stack}",
        unit="s",
        usual=usual,
        ours=taken,
        ratio=usual / taken,
        spread=(max(seconds) - min(seconds)) / 2 * len(specs) / taken,
        target=target,
        bound=Bound.AT_LEAST,
    )
    return line, same


def _write(folder: Path, own: dict[str, Any], *, seeds: int, jobs: int = 1) -> Experiment:
    """Write the sweep's config into a folder, and return the experiment."""
    training = {"batch_size": 32, "learning_rate": 0.002, "evaluations": 4, **own}
    values = {
        "name": CONFIG.stem,
        "tasks": {"digits_vit": {}},
        "training": {**training, "precision": "float32"},
        "targets": ["1:16(FF)"],
        "recipes": {recipe: {} for recipe in RECIPES},
        "seeds": list(range(seeds)),
        "runs_per_job": math.ceil(len(RECIPES) * seeds / jobs),
    }
    folder.mkdir()
    path = folder / CONFIG
    path.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML
    return load_experiment(str(path))


def _record(spec: RunSpec, folder: Path) -> dict[str, object]:
    path = spec.directory(folder / "results") / RECORD
    values = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in values.items() if name not in OF_THE_MACHINE}
