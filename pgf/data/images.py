"""Labelled images through `datasets`: the hub, parquet files or class folders."""

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pgf.errors import UserError, nearest

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


HASHED_IMAGES = 1000
ROOT_VARIABLE = "PGF_DATA"
"""Environment variable: the folder that holds local data sets."""


def resolve(path: str) -> Path:
    """Return a data path: as given, else below the folder `PGF_DATA` names.

    Raises:
        UserError: there is no such folder.
    """
    root = os.environ.get(ROOT_VARIABLE)
    candidates = [Path(path).expanduser(), *([Path(root) / path] if root else [])]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate.resolve()
    tried = " nor ".join(str(candidate) for candidate in candidates)
    hint = "" if root else f"; {ROOT_VARIABLE} can name the folder above it"
    raise UserError(f"no data folder at {tried}{hint}")


def open_images(*, path: str | None, hub: str | None, local_name: str | None) -> "DatasetDict":
    """Return the splits of a data set.

    Args:
        path: a local folder; nothing else is looked at where it is given.
        hub: the data set's id on the hub.
        local_name: name below the folder `PGF_DATA` names, which goes before the hub.

    Raises:
        UserError: it is neither there nor can be had.
    """
    if path is not None:
        return load_folder(resolve(path))
    root = os.environ.get(ROOT_VARIABLE)
    local = Path(root) / local_name if root and local_name else None
    if local is not None and local.is_dir():
        return load_folder(local.resolve())
    if hub is None:
        raise UserError("no data: give path, a folder of images, or hub, a data set's id there")
    return load_from_hub(hub, local_name=local_name)


def load_from_hub(hub: str, *, local_name: str | None) -> "DatasetDict":
    """Return the splits of a data set on the hub, or of its copy in the cache.

    Raises:
        UserError: there is none of that id, it is closed to this user, or no network.
    """
    import datasets  # takes seconds, and is absent from some training machines

    datasets.disable_progress_bars()
    # Retries are announced as warnings, several for a machine that simply has no network.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    remedy = f"set {ROOT_VARIABLE} to a folder that holds '{local_name}', or " if local_name else ""
    try:
        return datasets.load_dataset(hub)
    except datasets.exceptions.DatasetNotFoundError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"hub data set '{hub}': {reason}; {remedy}log in with `hf auth login`"
        ) from error
    except (OSError, pa.ArrowException, datasets.exceptions.DatasetsError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"hub data set '{hub}' cannot be had and is not in the cache "
            f"{datasets.config.HF_DATASETS_CACHE} ({reason}); {remedy}connect to the network once"
        ) from error


def load_folder(folder: Path) -> "DatasetDict":
    """Return the splits of a folder of `<split>*.parquet` files or of class folders.

    Files may lie in a subfolder `data`, as on the hub. Class folders stand below the folder
    itself, or below `train` and `val` (`validation`, `test`) as ImageNet has them.

    Raises:
        UserError: the folder holds neither.
    """
    import datasets  # takes seconds, and is absent from some training machines

    datasets.disable_progress_bars()
    parquet = {
        split: sorted(str(f) for f in [*folder.glob(name), *folder.glob(f"data/{name}")])
        for split, name in ((s, f"{s}*.parquet") for s in ("train", "validation", "test"))
    }
    files = {split: found for split, found in parquet.items() if found}
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
        UserError: a column is missing or is not what it should be; it names what there is.
    """
    from datasets import Image  # takes seconds

    for column, option in ((image, "image_column"), (label, "label_column")):
        if column not in data.column_names:
            raise UserError(
                f"{where} has no column '{column}' ({option}): {nearest(column, data.column_names)}"
            )
    kind = data.features[image]
    try:
        picture = data.cast_column(image, Image(decode=False))[0][image]
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise UserError(f"{where}: the column '{image}' holds no images but {kind}") from error
    if not picture or not (picture.get("bytes") or picture.get("path")):
        raise UserError(f"{where}: the first row's '{image}' is empty")


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
