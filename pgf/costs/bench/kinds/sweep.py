"""A sweep of small runs, against a process for each."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median

from pgf.costs.bench.model import Bound, Line, Part, Progress
from pgf.costs.bench.processes import PYTHON, run
from pgf.costs.bench.processes import together as side_by_side
from pgf.costs.bench.registry import part
from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.records.record import RECORD

RECIPES = (
    *("ste", "sr_ste", "mdgf_linear", "mdgf_exponential"),
    *("sdgf_stepwise", "sdgf_geometric", "random_mask", "one_shot"),
)
SEEDS = 4
STEPS = 400
ALONE = 4
"""Runs that are trained in a process of their own, to stand for all."""
TARGET = 4.0
OF_THE_MACHINE = {"train_seconds"}


@part("sweep")
def sweep(progress: Progress) -> Part:
    """32 runs of `digits_vit`: a process each, one after another; and as a sweep trains them."""
    cores = os.cpu_count() or 1
    line, same = sweep_line(progress, device="cpu", processes=cores, target=TARGET)
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


def sweep_line(
    progress: Progress, *, device: str, processes: int, target: float, stack: int = 1
) -> tuple[Line, bool]:
    """Return the line of a sweep, and whether the same runs left the same records.

    Args:
        progress: told what goes on.
        device: where to train.
        processes: packs side by side.
        target: the least speed-up.
        stack: runs of a pack that train as one.
    """
    specs = [_spec(recipe, seed, device) for seed in range(SEEDS) for recipe in RECIPES]
    ours = [replace(spec, training=replace(spec.training, stack=stack)) for spec in specs]
    with tempfile.TemporaryDirectory() as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        seconds = []
        for i, spec in enumerate(specs[:ALONE]):
            progress(f"sweep: run {i + 1} of {ALONE} in a process of its own")
            seconds.append(run(_training([spec], alone, f"run{i}"), cwd=alone).seconds)
        progress(f"sweep: {len(specs)} runs in {processes} processes")
        packs = [_training(ours[k::processes], together, f"job{k}") for k in range(processes)]
        taken = side_by_side(packs, cwd=together)
        same = all(_record(spec, alone) == _record(spec, together) for spec in specs[:ALONE])
    usual = median(seconds) * len(specs)
    line = Line(
        what=f"{len(specs)} runs of {STEPS} steps, {processes} processes, stacks of {stack}",
        unit="s",
        usual=usual,
        ours=taken,
        ratio=usual / taken,
        spread=(max(seconds) - min(seconds)) / 2 * len(specs) / taken,
        target=target,
        bound=Bound.AT_LEAST,
    )
    return line, same


def _spec(recipe: str, seed: int, device: str) -> RunSpec:
    return RunSpec(
        experiment="sweep",
        task=TaskSettings(name="digits_vit", kind="digits_vit"),
        recipe=RecipeSettings(name=recipe, kind=recipe, label=recipe),
        target="1:16(FF)",
        references=("1:16(FF)",),
        seed=seed,
        training=TrainingSettings(
            steps=STEPS,
            batch_size=32,
            learning_rate=0.002,
            evaluations=4,
            precision="float32",
            device=device,  # type: ignore[arg-type]
        ),
        statistics=StatisticsSettings(),
    )


def _training(specs: Sequence[RunSpec], folder: Path, name: str) -> list[str]:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps([asdict(spec) for spec in specs]), encoding="utf-8")
    return [PYTHON, "-m", "pgf", "train", str(path)]


def _record(spec: RunSpec, folder: Path) -> dict[str, object]:
    path = spec.directory(folder / "results") / RECORD
    values = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in values.items() if name not in OF_THE_MACHINE}
