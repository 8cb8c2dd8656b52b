"""Local images with labels, through `datasets`: class folders or parquet files."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pgf.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


HASHED_IMAGES = 1000


def resolve(path: str) -> Path:
    """Return a data path: as given, else below the folder `PGF_DATA` names.

    Raises:
        UserError: there is no such folder.
    """
    root = os.environ.get("PGF_DATA")
    candidates = [Path(path).expanduser(), *([Path(root) / path] if root else [])]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate.resolve()
    tried = " nor ".join(str(candidate) for candidate in candidates)
    hint = "" if root else "; PGF_DATA can name the folder above it"
    raise UserError(f"no data folder at {tried}{hint}")


def load_images(path: str) -> "DatasetDict":
    """Return the splits of a folder of `<split>*.parquet` files or of class folders.

    Raises:
        UserError: the folder holds neither.
    """
    import datasets  # takes seconds, and is absent from some training machines

    datasets.disable_progress_bars()
    folder = resolve(path)
    files = {
        split: sorted(str(f) for f in folder.glob(f"{split}*.parquet"))
        for split in ("train", "validation", "test")
    }
    files = {split: found for split, found in files.items() if found}
    try:
        if files:
            return datasets.load_dataset("parquet", data_files=files)
        if any(folder.glob("*.parquet")):
            return datasets.load_dataset("parquet", data_dir=str(folder))
        if not any(child.is_dir() for child in folder.iterdir()):
            raise UserError(f"{folder} holds neither parquet files nor one folder per class")
        return datasets.load_dataset("imagefolder", data_dir=str(folder), drop_labels=False)
    except (pa.ArrowException, datasets.exceptions.DatasetsError) as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"cannot read the images in {folder}: {cause}") from error


def check_columns(data: "Dataset", *, image: str, label: str, where: str) -> None:
    """Check that a split has an image and a label column.

    Raises:
        UserError: a column is missing; it names those there are.
    """
    for column, option in ((image, "image_column"), (label, "label_column")):
        if column not in data.column_names:
            raise UserError(
                f"{where} has no column '{column}' ({option}): {nearest(column, data.column_names)}"
            )
    try:
        as_images(data, image)[0]
    except (pa.ArrowException, TypeError, ValueError, OSError) as error:
        kind = data.features[image]
        raise UserError(
            f"{where}: the first row's '{image}' (image_column) is no image but {kind}"
        ) from error


def as_images(data: "Dataset", image: str) -> "Dataset":
    """Return the data with an image column that decodes to RGB."""
    from datasets import Image  # takes seconds

    return data.cast_column(image, Image(mode="RGB"))


def check_labels(data: "Dataset", label: str, names: Sequence[Any], *, where: str) -> None:
    """Check that all labels are among the classes.

    Raises:
        UserError: one is not.
    """
    strangers = sorted(set(data[label]) - set(names), key=str)
    if strangers:
        raise UserError(f"{where}: label {strangers[0]!r} is no class of the training split")


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
            picture = raw[index][image]
            digest.update(picture["bytes"] or Path(picture["path"]).read_bytes())
    return digest.hexdigest()[:16]
