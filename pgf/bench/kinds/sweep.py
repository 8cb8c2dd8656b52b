"""A sweep of small runs, against a process for each."""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from time import perf_counter

from pgf.bench.model import Bound, Line, Part, Progress
from pgf.bench.processes import PYTHON, run, start, wait
from pgf.bench.registry import part
from pgf.records import RECORD
from pgf.runs import RunSpec
from pgf.settings import RecipeSettings, StatisticsSettings, TaskSettings, TrainingSettings

RECIPES = (
    *("ste", "sr_ste", "mdgf_linear", "mdgf_exponential"),
    *("sdgf_stepwise", "sdgf_geometric", "random_mask", "one_shot"),
)
SEEDS = 4
STEPS = 400
ALONE = 4
"""Runs that are trained in a process of their own, to stand for all."""
TARGET = 4.0
OF_THE_MACHINE = {"train_seconds", "started", "finished", "attempts"}


@part("sweep")
def sweep(progress: Progress) -> Part:
    """32 runs of `digits_vit`: a process each, one after another; and as a sweep trains them."""
    specs = [_spec(recipe, seed) for seed in range(SEEDS) for recipe in RECIPES]
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        alone, together = Path(folder) / "alone", Path(folder) / "together"
        seconds = []
        for i, spec in enumerate(specs[:ALONE]):
            progress(f"sweep: run {i + 1} of {ALONE} in a process of its own")
            seconds.append(run(_training([spec], alone, f"run{i}"), cwd=alone).seconds)
        progress(f"sweep: {len(specs)} runs on {cores} cores")
        began = perf_counter()
        processes = [
            start(_training(specs[k::cores], together, f"job{k}"), cwd=together)
            for k in range(cores)
        ]
        for process in processes:
            wait(process)
        ours = perf_counter() - began
        same = all(_record(spec, alone) == _record(spec, together) for spec in specs[:ALONE])
    usual = median(seconds) * len(specs)
    line = Line(
        what=f"{len(specs)} runs of {STEPS} steps, {cores} cores",
        unit="s",
        usual=usual,
        ours=ours,
        ratio=usual / ours,
        spread=(max(seconds) - min(seconds)) / 2 * len(specs) / ours,
        target=TARGET,
        bound=Bound.AT_LEAST,
    )
    return Part(
        title="Sweep of digits_vit, recipes x seeds",
        ratio_of="usual / ours",
        lines=(line,),
        notes=(
            f"The usual way: a process per run, one after another; {ALONE} were run and their "
            f"median taken {len(specs)} times.",
            f"Ours: what one pack per core takes, from its start to its end. Records of the same "
            f"run in both are {'equal' if same else 'NOT EQUAL'}.",
        ),
    )


def _spec(recipe: str, seed: int) -> RunSpec:
    return RunSpec(
        experiment="sweep",
        task=TaskSettings(name="digits_vit", kind="digits_vit"),
        recipe=RecipeSettings(name=recipe, kind=recipe, label=recipe),
        target="1:16(FF)",
        references=("1:16(FF)",),
        seed=seed,
        training=TrainingSettings(
            steps=STEPS, batch_size=32, learning_rate=0.002, evaluations=4, device="cpu"
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
