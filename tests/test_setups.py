"""The experiments in configs/: each one plans, and the paper's set-ups train at full shape."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Picture

from pgf.config import Experiment, load_experiment
from pgf.layers import select_layers
from pgf.optimization import check_optimization
from pgf.patterns import Target
from pgf.results import check_published
from pgf.runs import RunSpec
from pgf.settings import StatisticsSettings
from pgf.tasks import make_task
from pgf.train import Run, train

CONFIGS = sorted(path.stem for path in Path("configs").glob("*.yaml"))
FULL_SHAPE = (
    ("cifar10_vit_tiny", "mdgf_linear_chain_rule", "1:16(FF)"),
    ("cifar10_vit_tiny_published", "mdgf_exponential", "1:16(FF)"),
    ("cifar10_resnet50", "sr_ste", "2:8(CONV)"),
    ("imagenet_vit_base", "sdgf_geometric", "1:8(FF)+1:4(QKV)"),
    ("imagenet_swinv2_base", "sr_ste", "1:8(FF)+1:8(QK)"),
)
"""A recipe and a target of each of the paper's set-ups; an `_advised` one is its twin."""


@cache
def experiment(name: str) -> Experiment:
    return load_experiment(name)


@pytest.mark.parametrize("name", CONFIGS)
def test_every_target_of_an_experiment_fits_its_models(name: str) -> None:
    check_published(experiment(name))
    specs = experiment(name).runs()
    for spec in {s.task.name: s for s in specs}.values():
        check_optimization(spec.training)
        task = make_task(spec.task)
        if spec.task.kind == "digits_vit":
            task.load()
        with torch.device("meta"):
            model = task.model()
        for target in {s.target for s in specs if s.target != "dense"}:
            assert select_layers(model, Target.parse(target), task.groups or None)


def test_every_paper_set_up_is_trained_below() -> None:
    small = {"digits_selection", "laptop", "smoke", "cifar10_selection"}
    twins = {name for name in CONFIGS if name.endswith("_advised")}
    assert {name for name, _, _ in FULL_SHAPE} == set(CONFIGS) - small - twins
    for twin in twins:  # the same model and data: only phases differ
        one, other = experiment(twin), experiment(twin.removesuffix("_advised"))
        assert one.tasks == other.tasks and one.training == other.training
        assert one.targets == other.targets


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


def small_run(name: str, recipe: str, target: str, data: Path) -> RunSpec:
    """Return a run of an experiment, as it is but for two steps of four images."""
    spec = next(s for s in experiment(name).runs() if (s.recipe.name, s.target) == (recipe, target))
    options = {**spec.task.options, "path": str(data), "workers": 0}
    return replace(
        spec,
        task=replace(spec.task, options=options),
        training=replace(
            spec.training,
            steps=2,
            batch_size=4,
            accumulation=2,
            precision="bfloat16",
            evaluations=1,
            threads=2,
        ),
        statistics=StatisticsSettings(every=1, noise_every=2),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "recipe", "target"), FULL_SHAPE)
def test_a_set_up_trains_at_full_shape(
    name: str, recipe: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    cifar = name.startswith("cifar10")
    data = images_as_on_the_hub(
        tmp_path,
        image="img" if cifar else "image",
        classes=10 if cifar else 1000,
        test="test" if cifar else "validation",
    )
    try:
        run = train(Run.make(small_run(name, recipe, target, data)))
    finally:
        torch.set_num_threads(1)
    assert run.step == 2 and run.diverged_at is None
    assert run.precision.dtype is torch.bfloat16
    zeros = run.sparsifier.zeros()
    for layer in run.sparsifier.layers:
        count, entries = zeros[layer.name]
        assert count >= round(entries * (1 - layer.pattern.density))
    names = {row.name for row in run.all_rows()}
    assert {"loss", "gradient_variance", "second_moment_norm", "kept_mass"} <= names
