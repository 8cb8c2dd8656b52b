"""Set-ups of experiments at full shape, with two steps on data as small as it gets."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Picture

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import StatisticsSettings
from pgf.training.loop import train
from pgf.training.run_state import Run


def images_as_on_the_hub(root: Path, *, image: str, classes: int, test: str) -> Path:
    """Write a few random pictures as parquet, with the hub's columns and features."""
    import datasets

    features = datasets.Features(
        {image: datasets.Image(), "label": datasets.ClassLabel(num_classes=classes)}
    )
    size = (32, 32) if classes == 10 else (260, 230)
    rng = np.random.default_rng(classes)
    for split, count in (("train", 4), (test, 2)):
        pixels = rng.integers(0, 256, (count, size[1], size[0], 3), dtype=np.uint8)
        labels = [i % 2 * (classes - 1) for i in range(count)]
        rows = {image: [Picture.fromarray(p) for p in pixels], "label": labels}
        part = datasets.Dataset.from_dict(rows, features=features)
        folder = root / ("plain_text" if classes == 10 else "data")  # as each of the two has it
        folder.mkdir(exist_ok=True)
        part.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return root


def shortened(spec: RunSpec, options: dict[str, Any]) -> RunSpec:
    """Return a run as it is but for two steps of four samples, and options of its task."""
    return replace(
        spec,
        task=replace(spec.task, options={**spec.task.options, **options}),
        training=replace(
            spec.training,
            steps=2,
            batch_size=4,
            accumulation=1,
            precision="float32",  # a CPU without its instructions takes minutes for bfloat16
            evaluations=1,
            threads=1,
        ),
        statistics=StatisticsSettings(every=1, noise_every=2),
    )


def check_trained(spec: RunSpec) -> None:
    """Train a run, and check that its layers are pruned and its statistics taken."""
    run = train(Run.make(spec))
    assert run.step == 2 and run.diverged_at is None
    zeros = run.sparsifier.zeros()
    for layer in run.sparsifier.layers:
        count, entries = zeros[layer.name]
        assert count >= round(entries * (1 - layer.pattern.density))
    names = {row.name for row in run.all_rows()}
    assert {"loss", "gradient_variance", "second_moment_norm", "kept_mass"} <= names
