"""Sources of images; unreadable images are named, counted, and left out only when asked."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from support.images import CLASSES, class_folders, parquet_files, picture

from pgf.errors import UserError
from pgf.experiments.settings import TaskSettings
from pgf.tasks import make_task
from pgf.tasks.data.images import open_images
from pgf.tasks.data.mapped import MappedData
from pgf.tasks.data.pictures import Pictures
from pgf.tasks.images import Images

OPTIONS: dict[str, Any] = {
    "model_name": "vit_tiny_patch16_224",
    "model_options": {"patch_size": 8, "embed_dim": 16, "depth": 1, "num_heads": 2},
    "image_size": 16,
}


def with_broken_images(root: Path) -> Path:
    """Return class folders in which two files are cut short and one is no image."""
    folder = class_folders(root)
    whole = (folder / "bee" / "1.png").read_bytes()
    (folder / "bee" / "1.png").write_bytes(whole[: len(whole) // 2])
    (folder / "cat" / "0.png").write_bytes(whole[:40])
    (folder / "cat" / "3.png").write_bytes(b"no image")
    return folder


def every_sample(data: Any) -> list[int]:
    assert isinstance(data, MappedData)
    return [label for _, labels in data.in_order(4) for label in labels.tolist()]


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("in_memory", [False, True])
def test_an_unreadable_image_is_named(tmp_path: Path, in_memory: bool, workers: int) -> None:
    folder = with_broken_images(tmp_path)
    task = Images(path=str(folder), in_memory=in_memory, workers=workers, **OPTIONS)
    with pytest.raises(UserError, match=r"image \d+ \(.*(bee/1|cat/0|cat/3)\.png\) cannot be") as e:
        splits = task.load()
        for data in (splits.train, splits.test):
            every_sample(data)
    assert "skip_unreadable" in str(e.value) and "\n" not in str(e.value)


@pytest.mark.parametrize("in_memory", [False, True])
def test_unreadable_images_are_left_out_when_asked_and_counted(
    tmp_path: Path, in_memory: bool, caplog: pytest.LogCaptureFixture
) -> None:
    folder = with_broken_images(tmp_path)
    task = Images(path=str(folder), in_memory=in_memory, skip_unreadable=True, **OPTIONS)
    with caplog.at_level(logging.WARNING, logger="pgf"):
        splits = task.load()
    labels = sorted(every_sample(splits.train) + every_sample(splits.test))
    assert labels == [0] * 5 + [1] * 4 + [2] * 3
    assert splits.left_out == 3 and len(splits.train) + len(splits.test) == 12
    assert all(name in caplog.text for name in ("bee/1.png", "cat/0.png", "cat/3.png"))


def test_whole_images_are_all_kept(tmp_path: Path) -> None:
    task = Images(path=str(class_folders(tmp_path)), skip_unreadable=True, **OPTIONS)
    assert task.load().left_out == 0


def test_decoded_at_once_or_one_by_one_images_are_the_same(tmp_path: Path) -> None:
    path = str(class_folders(tmp_path))
    one, other = (Images(path=path, in_memory=m, **OPTIONS).load().train for m in (False, True))
    assert isinstance(one, MappedData) and isinstance(other, MappedData)
    for key in ((None, 0, 3, 0), (5, 1, 2, 0)):
        assert torch.equal(one[key][0], other[key][0]) and one[key][1] == other[key][1]


def test_images_in_memory_need_one_size(tmp_path: Path) -> None:
    folder = class_folders(tmp_path)
    Image.new("RGB", (9, 9)).save(folder / "bee" / "2.png")
    with pytest.raises(UserError, match=r"in_memory: .*bee/2\.png.* 9x9 pixels, the first one 20x"):
        pictures_of(folder).in_memory()


def pictures_of(folder: Path) -> Pictures:
    data = open_images(path=str(folder), hub=None, local_name=None)["train"]
    return Pictures.of(data, image="image", label="label", classes=range(3), where="here")


def test_gray_and_palette_images_become_rgb(tmp_path: Path) -> None:
    folder = class_folders(tmp_path, per_class=2)
    for mode, name in (("L", "ant/0"), ("P", "bee/0"), ("RGBA", "cat/0")):
        Image.new(mode, (8, 8)).save(folder / f"{name}.png")
    pictures = pictures_of(folder)
    assert {pictures.read(i)[0].mode for i in range(len(pictures))} == {"RGB"}


def test_class_folders_below_train_and_val_are_its_splits(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("val", 2)):
        for number, name in enumerate(CLASSES):
            for i in range(count):
                picture(50 * number + i, tmp_path / "imagenet" / split / name / f"{i}.png")
    splits = Images(path=str(tmp_path / "imagenet"), test_split="validation", **OPTIONS).load()
    assert (len(splits.train), len(splits.test)) == (12, 6)


def test_parquet_files_may_lie_in_a_data_folder(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    parquet_files(tmp_path).rename(tmp_path / "hub" / "data")
    splits = Images(path=str(tmp_path / "hub"), image_column="img", **OPTIONS).load()
    assert (len(splits.train), len(splits.test)) == (12, 3)


def test_a_local_copy_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet_files(tmp_path).rename(tmp_path / "cifar10")
    monkeypatch.setenv("PGF_DATA", str(tmp_path))
    found = open_images(path=None, hub="uoft-cs/cifar10", local_name="cifar10")
    assert len(found["train"]) == 12


@pytest.mark.parametrize(
    ("local_name", "words"),
    [
        ("cifar10", r"set PGF_DATA to a folder that holds 'cifar10', or connect"),
        (None, r"connect to the network once"),
    ],
)
def test_a_hub_data_set_without_network_and_cache_is_one_sentence(
    local_name: str | None, words: str
) -> None:
    with pytest.raises(UserError, match=r"'uoft-cs/cifar10' cannot be had.*" + words) as caught:
        open_images(path=None, hub="uoft-cs/cifar10", local_name=local_name)
    assert "\n" not in str(caught.value)


def test_no_data_at_all_is_refused() -> None:
    with pytest.raises(UserError, match="give path, a folder of images, or hub"):
        Images(**OPTIONS).load()


def test_an_empty_image_is_refused(tmp_path: Path) -> None:
    folder = class_folders(tmp_path)
    (folder / "ant" / "0.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"ant/0\.png\) cannot be read"):
        for i in range(15):
            pictures_of(folder).read(i)


def test_pixels_are_those_of_the_file(tmp_path: Path) -> None:
    folder = class_folders(tmp_path)
    expected = np.asarray(Image.open(folder / "bee" / "2.png"))
    pictures = pictures_of(folder)
    found = [np.asarray(pictures.read(i)[0]) for i in range(len(pictures))]
    assert sum(np.array_equal(pixels, expected) for pixels in found) == 1


def split_folders(root: Path, *splits: str) -> Path:
    for k, split in enumerate(splits):
        for number, name in enumerate(CLASSES):
            for i in range(3):
                picture(100 * k + 10 * number + i, root / "set" / split / name / f"{i}.png")
    return root / "set"


@pytest.mark.parametrize(
    ("splits", "options", "name", "size"),
    [
        (("train", "val"), {}, "validation", 9),
        (("train", "val", "test"), {}, "test", 9),
        (("train", "val", "test"), {"test_split": "validation"}, "validation", 9),
        (("train", "test"), {"evaluate_on_holdout": True, "holdout": 0.4}, "holdout", 4),
        (("train",), {"holdout": 0.4}, "holdout", 4),
    ],
)
def test_the_split_that_is_evaluated_is_chosen_and_named(
    tmp_path: Path, splits: tuple[str, ...], options: dict[str, Any], name: str, size: int
) -> None:
    loaded = Images(path=str(split_folders(tmp_path, *splits)), **options, **OPTIONS).load()
    assert (loaded.test_name, len(loaded.test)) == (name, size)


def test_a_test_split_that_is_not_there_is_no_holdout(tmp_path: Path) -> None:
    path = str(split_folders(tmp_path, "train", "val"))
    with pytest.raises(UserError, match=r"no split 'tset' \(test_split\)"):
        Images(path=path, test_split="tset", **OPTIONS).load()
    with pytest.raises(UserError, match=r"no split 'validation'"):
        make_task(
            TaskSettings(
                name="i",
                kind="imagenet_vit_base",
                options={"path": str(split_folders(tmp_path / "x", "train"))},
            )
        ).load()
