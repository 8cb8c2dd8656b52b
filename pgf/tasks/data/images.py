"""Labelled images through `datasets`: the hub, parquet files or class folders."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pgf.errors import UserError, nearest
from pgf.tasks.data.sources import library, load_from_hub, load_parquet, local_folder

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


HASHED_IMAGES = 1000
SPLIT_SEED = 20240204


def open_images(*, path: str | None, hub: str | None, local_name: str | None) -> "DatasetDict":
    """Return the splits of a data set.

    Args:
        path: a local folder; nothing else is looked at where it is given.
        hub: the data set's id on the hub.
        local_name: name below the folder `PGF_DATA` names, which goes before the hub.

    Raises:
        UserError: it is neither there nor can be had.
    """
    folder = local_folder(path=path, local_name=local_name)
    if folder is not None:
        return load_folder(folder)
    if hub is None:
        raise UserError("no data: give path, a folder of images, or hub, a data set's id there")
    return load_from_hub(hub, local_name=local_name)


def load_folder(folder: Path) -> "DatasetDict":
    """Return the splits of a folder of `<split>*.parquet` files or of class folders.

    Parquet files may lie in a subfolder, as on the hub. Class folders stand below the folder
    itself, or below `train` and `val` (`validation`, `test`) as ImageNet has them.

    Raises:
        UserError: the folder holds neither, or images that lie in no class's folder.
    """
    datasets = library()
    found = load_parquet(folder)
    if found is not None:
        return found
    if not any(child.is_dir() for child in folder.iterdir()):
        raise UserError(f"{folder} holds neither parquet files nor one folder per class")
    try:
        return datasets.load_dataset("imagefolder", data_dir=str(folder), drop_labels=False)
    except (pa.ArrowException, datasets.exceptions.DatasetsError, ValueError) as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"cannot read the images in {folder}: {cause}") from error


def check_columns(data: "Dataset", *, image: str, label: str, where: str) -> None:
    """Check that a split has an image and a label column.

    Raises:
        UserError: a column is missing or is not what it should be; it names what there is.
    """
    from datasets import Image  # takes seconds

    for column, option in ((image, "image_column"), (label, "label_column")):
        if column not in data.column_names:
            raise UserError(
                f"{where} has no column '{column}' ({option}): {nearest(column, data.column_names)}"
            )
    kind = data.features[image]
    if not len(data):
        raise UserError(f"{where} has a split without a row")
    try:
        raw = data.cast_column(image, Image(decode=False))
        if not isinstance(raw[0][image], dict | None):
            raise TypeError
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UserError(f"{where}: the column '{image}' holds no images but {kind}") from error
    kinds = {type(value).__name__ for value in data[label][:]}
    if kinds not in ({"int"}, {"str"}, {"bool"}):
        raise UserError(
            f"{where}: the column '{label}' (label_column) must hold a whole number or a text in "
            f"every row; it holds {', '.join(sorted(kinds))}"
        )


def check_labels(train: "Dataset", other: "Dataset", label: str, *, where: str) -> None:
    """Check that labels of another split mean what they mean in the training split.

    Raises:
        UserError: a label that no training image has, or class names in another order.
    """
    names = [getattr(data.features[label], "names", None) for data in (train, other)]
    if names[0] and names[1] and names[0] != names[1]:
        raise UserError(
            f"{where}: its class names {names[1]} are not the training split's, {names[0]}"
        )
    strangers = sorted(set(other[label]) - set(train[label]), key=str)
    if strangers:
        stranger = names[1][strangers[0]] if names[1] else strangers[0]
        raise UserError(f"{where}: no training image has the label {stranger!r}")


def class_names(data: "Dataset", label: str) -> list[Any]:
    """Return the classes in order: the column's own names, else its sorted values."""
    feature = data.features[label]
    names = getattr(feature, "names", None)
    return list(range(len(names))) if names else sorted(set(data[label]))


def content_hash(parts: Sequence["Dataset"], *, image: str, label: str) -> str:
    """Return a hash that identifies the data: every label, and HASHED_IMAGES images of each part.

    All images would be minutes for ImageNet; those taken are evenly spaced.
    """
    from datasets import Image  # takes seconds

    digest = hashlib.sha256()
    for part in parts:
        raw = part.cast_column(image, Image(decode=False))
        digest.update(repr((len(part), list(part[label]))).encode())
        for index in range(0, len(part), max(1, len(part) // HASHED_IMAGES)):
            picture = raw[index][image] or {"bytes": b"nothing"}
            digest.update(picture["bytes"] or Path(picture["path"]).read_bytes())
    return digest.hexdigest()[:16]


def train_and_test(
    splits: Mapping[str, "Dataset"],
    *,
    train_split: str,
    test_split: str | None,
    holdout: float,
    holdout_alone: bool,
    image: str,
    label: str,
    where: str,
) -> dict[str, "Dataset"]:
    """Return the split to train on as `train`, and the one to evaluate on under its own name.

    Args:
        splits: all there are.
        train_split: the name of the first.
        test_split: the name of the second; None for `test`, else `validation`, else a holdout.
        holdout: the share of the training images to set apart where there is no second.
        holdout_alone: set them apart in any case.
        image: the column of images.
        label: the column of labels.
        where: what the images are, for messages.

    Raises:
        UserError: a split or a column is not there, labels differ, or nothing can be held out.
    """
    if train_split not in splits:
        hint = nearest(train_split, list(splits))
        raise UserError(f"{where} has no split '{train_split}' (train_split): {hint}")
    train = splits[train_split]
    check_columns(train, image=image, label=label, where=where)
    test = None if holdout_alone else _test_split(list(splits), test_split, where)
    if test is not None:
        check_columns(splits[test], image=image, label=label, where=where)
        check_labels(train, splits[test], label, where=f"{where} ({test})")
        return {"train": train, test: splits[test]}
    if len(train) < 2:
        raise UserError(f"{where} has one image only: nothing to hold out")
    parts = train.train_test_split(test_size=holdout, seed=SPLIT_SEED)
    return {"train": parts["train"], "holdout": parts["test"]}


def _test_split(splits: list[str], wanted: str | None, where: str) -> str | None:
    if wanted is None:
        return next((name for name in ("test", "validation") if name in splits), None)
    if wanted not in splits:
        hint = nearest(wanted, splits)
        raise UserError(f"{where} has no split '{wanted}' (test_split): {hint}")
    return wanted
