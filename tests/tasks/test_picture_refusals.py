"""Images that cannot be trained on: one sentence, before any training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.helpers import tiny_spec
from support.images import class_folders, picture
from test_pictures import OPTIONS, split_folders

from pgf.errors import UserError
from pgf.experiments.settings import TaskSettings
from pgf.training.preflight import check_runs


def table(root: Path, split: str, labels: list[Any], feature: Any = None) -> Path:
    import datasets

    picture(1, root / "one.png")
    rows = {"image": [str(root / "one.png")] * len(labels), "label": labels}
    features = None
    if feature is not None:
        features = datasets.Features({"image": datasets.Image(), "label": feature})
    made = datasets.Dataset.from_dict(rows, features=features)
    (root / "table").mkdir(exist_ok=True)
    made.to_parquet(root / "table" / f"{split}.parquet")
    return root / "table"


def other_class_order(root: Path) -> Path:
    import datasets

    table(root, "train", [0, 1, 2], datasets.ClassLabel(names=["a", "b", "c"]))
    return table(root, "test", [0, 1, 2], datasets.ClassLabel(names=["c", "b", "a"]))


def flat_test_folder(root: Path) -> Path:
    folder = split_folders(root, "train")
    for i in range(3):
        picture(i, folder / "test" / f"{i}.png")
    return folder


def without_rows(root: Path) -> Path:
    import datasets

    table(root, "train", [0, 1], datasets.Value("int64"))
    return table(root, "test", [], datasets.Value("int64"))


def one_image(root: Path) -> Path:
    return table(root, "train", ["a"])


def null_label(root: Path) -> Path:
    return table(root, "train", [0, None, 1])


def lists(root: Path) -> Path:
    return table(root, "train", [[0], [1]])


def nothing_readable(root: Path) -> Path:
    folder = split_folders(root, "train", "test")
    for path in (folder / "test").rglob("*.png"):
        path.write_bytes(b"no image")
    return folder


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (other_class_order, {}, r"class names \['c', 'b', 'a'\] are not the training split's"),
        (flat_test_folder, {}, "no training image has the label 'test'"),
        (without_rows, {}, "cannot read the data|a split without a row"),
        (one_image, {}, "one image only|one class only"),
        (null_label, {}, r"'label' \(label_column\) must hold .* it holds NoneType, int"),
        (lists, {}, "must hold a whole number or a text"),
        (nothing_readable, {"skip_unreadable": True}, "none of the 9 images can be read"),
        (class_folders, {"model_options": {"num_classes": 7}}, "num_classes .* option classes"),
        (class_folders, {"model_options": {"img_size": 32}}, "use the option image_size"),
        (class_folders, {"model_options": {"embed_dim": 7, "num_heads": 3}}, "timm cannot make"),
        (class_folders, {"model_name": "resnet18", "model_options": {"foo": 1}}, "foo"),
        (class_folders, {"crop_scale": (0.9, 0.1)}, "crop_scale is a range"),
        (class_folders, {"crop_pct": -1.0}, "crop_pct"),
        (class_folders, {"flip": 2.0}, "flip must be at most 1"),
        (class_folders, {"interpolation": "nonsense"}, "interpolation must be one of"),
        (class_folders, {"classes": 1}, "classes must be at least 2"),
        (class_folders, {"image_size": 4}, "cannot compute on an input of 3x4x4|cannot make"),
    ],
)
def test_a_task_that_cannot_train_is_refused_before_it_starts(
    make: Any, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    spec = tiny_spec("ste", target="1:2(FF)", batch_size=2)
    values = {"path": str(make(tmp_path)), **OPTIONS, **options}
    task = TaskSettings(name="mine", kind="images", options=values)
    with pytest.raises(UserError, match=words) as caught:
        check_runs([replace(spec, task=task)])
    assert "\n" not in str(caught.value)
