"""`images` on generated images: class folders and parquet files."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.compare import assert_same, assert_same_run, weights
from support.helpers import resumed
from support.images import class_folders, parquet_files, picture

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.tasks.data.mapped import MappedData
from pgf.tasks.images import Images
from pgf.training.loop import train
from pgf.training.run_state import Run

SIZE = 16
SMALL_VIT = {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2}
OPTIONS: dict[str, Any] = {
    "model_name": "vit_tiny_patch16_224",
    "model_options": SMALL_VIT,
    "image_size": SIZE,
}
DATA = os.environ.get("PGF_DATA", "")


def spec_of(path: Path, options: dict[str, Any] | None = None, **training: Any) -> RunSpec:
    values = {"steps": 4, "batch_size": 4, "learning_rate": 1e-3, "evaluations": 1, **training}
    chosen = {"path": str(path), **OPTIONS, **(options or {})}
    return RunSpec(
        experiment="test",
        task=TaskSettings(name="folder", kind="images", options=chosen),
        recipe=RecipeSettings(name="ste", kind="ste", label="STE"),
        target="1:4(FF)",
        references=("1:4(FF)",),
        seed=7,
        training=TrainingSettings(**values),
        statistics=StatisticsSettings(every=2, noise_every=2),
    )


@pytest.mark.parametrize(
    ("make", "options", "train_size", "test_size"),
    [
        (class_folders, {}, 12, 3),
        (class_folders, {"holdout": 0.4}, 9, 6),
        (parquet_files, {"image_column": "img"}, 12, 3),
        (parquet_files, {"image_column": "img", "evaluate_on_holdout": True}, 9, 3),
    ],
)
def test_a_folder_of_images_is_trained_on(
    make: Callable[[Path], Path],
    options: dict[str, Any],
    train_size: int,
    test_size: int,
    tmp_path: Path,
) -> None:
    run = train(Run.make(spec_of(make(tmp_path), options)))
    assert (len(run.splits.train), len(run.splits.test)) == (train_size, test_size)
    assert 0.0 <= run.evaluations[-1].values["accuracy"] <= 100.0


def test_a_resumed_run_draws_the_same_augmentation_mixing_and_dropout(tmp_path: Path) -> None:
    vit = {**SMALL_VIT, "proj_drop_rate": 0.3, "drop_path_rate": 0.3, "depth": 2}
    options = {"model_options": vit, "augmentation": "rand-m9-mstd0.5-inc1"}
    spec = spec_of(class_folders(tmp_path), options, mixup=0.5, cutmix=0.5, checkpoint_every=1)
    whole = train(Run.make(spec))
    assert_same_run(resumed(spec, tmp_path / "c.pt", at=2, splits=whole.splits), whole)


def test_watching_leaves_dropout_and_mixing_alone(tmp_path: Path) -> None:
    vit = {**SMALL_VIT, "proj_drop_rate": 0.3, "drop_path_rate": 0.3, "depth": 2}
    often = spec_of(class_folders(tmp_path), {"model_options": vit}, mixup=0.5)
    hardly = replace(often, statistics=StatisticsSettings(every=999, noise_every=999))
    run = train(Run.make(often))
    assert {row.step for row in run.observers[0].rows if row.name == "noise_variance"} == {0, 2}
    assert_same(weights(run), weights(train(Run.make(hardly, splits=run.splits))))


def test_watching_leaves_running_means_alone(tmp_path: Path) -> None:
    groups = {"CONV": [r"layer\d.*conv2$"]}
    options = {"model_name": "test_resnet", "model_options": {}, "groups": groups}
    often = replace(
        spec_of(class_folders(tmp_path), options), target="1:2(CONV)", references=("1:2(CONV)",)
    )
    hardly = replace(often, statistics=StatisticsSettings(every=999, noise_every=999))
    run = train(Run.make(often))
    assert run.sparsifier.layers and "bn1.running_mean" in weights(run)
    assert_same(weights(run), weights(train(Run.make(hardly, splits=run.splits))))


def mapped(tmp_path: Path, **options: Any) -> MappedData:
    path = tmp_path / "images"
    task = Images(path=str(path if path.exists() else class_folders(tmp_path)), **OPTIONS)
    data = replace(task, augmentation="rand-m9-mstd0.5-inc1", **options).load().train
    assert isinstance(data, MappedData)
    return data


def test_augmentation_depends_on_seed_epoch_and_sample_alone(tmp_path: Path) -> None:
    data, again = mapped(tmp_path), mapped(tmp_path)
    keys = [(seed, epoch, index, 0) for seed in (1, 2) for epoch in (0, 1) for index in (3, 5)]
    first = {key: data[key][0] for key in keys}
    torch.manual_seed(17)
    assert all(torch.equal(again[key][0], first[key]) for key in reversed(keys))
    samples = list(first.values())
    assert all(not torch.equal(a, b) for i, a in enumerate(samples) for b in samples[:i])


def test_augmentation_leaves_the_generators_alone(tmp_path: Path) -> None:
    data = mapped(tmp_path)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    next(data.stream(batch_size=4, seed=1))
    next(data.in_order(4))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


def test_evaluation_sees_every_sample_once_unaugmented_in_order(tmp_path: Path) -> None:
    data = mapped(tmp_path)
    inputs, labels = zip(*data.in_order(5), strict=True)
    assert [len(part) for part in inputs] == [5, 5, 2]
    expected = [data[None, 0, i, 0] for i in range(12)]
    assert torch.equal(torch.cat(inputs), torch.stack([image for image, _ in expected]))
    assert torch.cat(labels).tolist() == [label for _, label in expected]


@pytest.mark.slow
def test_workers_read_the_same_batches(tmp_path: Path) -> None:
    alone, helped = mapped(tmp_path), mapped(tmp_path, workers=1)
    one, other = (next(data.stream(batch_size=4, seed=1)) for data in (alone, helped))
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])


def test_labels_of_any_kind_are_numbered_in_order(tmp_path: Path) -> None:
    labels = {"train": ["z", "a", "m", "a"] * 3, "test": ["m", "z"]}
    task = Images(path=str(parquet_files(tmp_path, labels=labels)), image_column="img", **OPTIONS)
    splits = task.load()
    assert isinstance(splits.test, MappedData)
    assert [splits.test[None, 0, i, 0][1] for i in range(2)] == [1, 2] and task.class_count() == 3


def test_other_images_are_other_data(tmp_path: Path) -> None:
    one = class_folders(tmp_path / "one")
    other = class_folders(tmp_path / "other")
    picture(999, other / "ant" / "0.png")
    prints = [Images(path=str(path), **OPTIONS).load().fingerprint for path in (one, other)]
    assert prints[0] != prints[1]


def test_the_same_images_elsewhere_are_the_same_data(tmp_path: Path) -> None:
    paths = [class_folders(tmp_path / name) for name in ("one", "other")]
    prints = [Images(path=str(path), **OPTIONS).load().fingerprint for path in paths]
    assert prints[0] == prints[1]


def test_a_path_below_the_data_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folders(tmp_path)
    monkeypatch.setenv("PGF_DATA", str(tmp_path))
    assert Images(path="images", **OPTIONS).class_count() == 3


def junk(root: Path) -> Path:
    (root / "junk").mkdir()
    (root / "junk" / "train.parquet").write_bytes(b"no parquet")
    return root / "junk"


def broken_image(root: Path) -> Path:
    folder = class_folders(root)
    (folder / "ant" / "0.png").write_bytes(b"no image")
    return folder


def unseen_label(root: Path) -> Path:
    return parquet_files(root, labels={"train": [0, 1] * 4, "test": [0, 2]}, image="image")


def one_class(root: Path) -> Path:
    return class_folders(root, classes=("ant",))


def one_class_of_a_table(root: Path) -> Path:
    return parquet_files(root, labels={"train": [3] * 8})


def empty(root: Path) -> Path:
    (root / "empty").mkdir()
    return root / "empty"


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (parquet_files, {}, r"no column 'image' \(image_column\): did you mean 'img'"),
        (
            parquet_files,
            {"image_column": "img", "label_column": "labels"},
            r"no column 'labels' \(label_column\): did you mean 'label'",
        ),
        (parquet_files, {"image_column": "label"}, "'label'.*image"),
        (parquet_files, {"image_column": "img", "train_split": "training"}, "no split 'training'"),
        (one_class, {}, "one class only"),
        (one_class_of_a_table, {"image_column": "img"}, "one class only"),
        (class_folders, {"classes": 4}, "has 3 classes, the option says 4"),
        (lambda root: root / "nowhere", {}, "no data folder at .*nowhere.*PGF_DATA"),
        (empty, {}, "holds neither parquet files nor one folder per class"),
        (junk, {}, "cannot read the data in .*junk"),
        (unseen_label, {}, "label.*2"),
        (class_folders, {"model_name": "vit_tinny_patch16_224"}, "did you mean 'vit_tiny_patch16"),
        (class_folders, {"model_options": {"dept": 1}}, "model_options.*dept"),
        (class_folders, {"holdout": 1.0}, "holdout"),
        (class_folders, {"augmentation": "radn-m9"}, "augmentation.*radn-m9"),
    ],
    ids=lambda v: getattr(v, "__name__", str(v))[:40],
)
def test_what_cannot_be_trained_on_is_refused(
    make: Callable[[Path], Path], options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(UserError, match=words) as caught:
        train(Run.make(spec_of(path, options)))
    assert "\n" not in str(caught.value)


@pytest.mark.data
def test_a_few_steps_on_cifar10(monkeypatch: pytest.MonkeyPatch) -> None:
    if not DATA or not (Path(DATA) / "cifar10").is_dir():
        pytest.skip("PGF_DATA names no folder that holds cifar10")
    monkeypatch.setenv("PGF_DATA", DATA)
    options = {"image_size": 32, "patch_size": 8, "evaluate_on_holdout": True, "holdout": 0.002}
    spec = spec_of(Path(DATA), {}, batch_size=32)
    task = TaskSettings(name="cifar", kind="cifar10_vit_tiny", options=options)
    run = train(Run.make(replace(spec, task=task)))
    assert len(run.splits.train) == 49_900 and run.step == 4
