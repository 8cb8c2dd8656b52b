"""Sources of data sets: a local folder, the folder that PGF_DATA names, or the hub."""

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pgf.errors import UserError

if TYPE_CHECKING:
    from datasets import DatasetDict

ROOT_VARIABLE = "PGF_DATA"
"""Environment variable: the folder that holds local data sets."""

SPLIT = re.compile(r"(train|validation|test)(_matched|_mismatched)?")
"""Beginnings of the names of a split's files; MNLI's two halves are splits of their own."""


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


def local_folder(*, path: str | None, local_name: str | None) -> Path | None:
    """Return the folder to read: `path` where given, else `local_name` below `PGF_DATA`, or None.

    Raises:
        UserError: `path` is given and is no folder.
    """
    if path is not None:
        return resolve(path)
    root = os.environ.get(ROOT_VARIABLE)
    local = Path(root) / local_name if root and local_name else None
    return local.resolve() if local is not None and local.is_dir() else None


def library() -> Any:
    """Return the library `datasets`.

    Raises:
        UserError: it is not installed.
    """
    try:
        import datasets  # takes seconds, and is absent from some training machines
    except ImportError as error:
        raise UserError(
            "data sets are read by the library `datasets`, which is not installed here"
        ) from error
    datasets.disable_progress_bars()
    return datasets


def load_from_hub(
    hub: str, *, subset: str | None = None, local_name: str | None = None
) -> "DatasetDict":
    """Return the splits of a data set on the hub, or of its copy in the cache.

    Raises:
        UserError: there is none of that id, it is closed to this user, or no network.
    """
    datasets = library()
    # Retries are announced as warnings, several for a machine that simply has no network.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    remedy = f"set {ROOT_VARIABLE} to a folder that holds '{local_name}', or " if local_name else ""
    name = f"{hub}, {subset}" if subset else hub
    try:
        return datasets.load_dataset(hub, subset)
    except datasets.exceptions.DatasetNotFoundError as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"hub data set '{name}': {reason}; {remedy}log in with `hf auth login`"
        ) from error
    except (OSError, pa.ArrowException, datasets.exceptions.DatasetsError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"hub data set '{name}' cannot be had and is not in the cache "
            f"{datasets.config.HF_DATASETS_CACHE} ({reason}); {remedy}connect to the network once"
        ) from error


def load_parquet(folder: Path) -> "DatasetDict | None":
    """Return the splits of `<split>*.parquet` files in a folder or one below it; None for no file.

    Raises:
        UserError: a file cannot be read.
    """
    datasets = library()
    files = parquet_files(folder)
    try:
        # Split by split: together, all would be read with the class names of the first.
        parts = {
            split: datasets.load_dataset("parquet", data_files={split: found})[split]
            for split, found in files.items()
        }
    except (pa.ArrowException, datasets.exceptions.DatasetsError, ValueError) as error:
        cause = " ".join(str(error.__cause__ or error).split())
        raise UserError(f"cannot read the data in {folder}: {cause}") from error
    return datasets.DatasetDict(parts) if parts else None


def parquet_files(folder: Path) -> dict[str, list[str]]:
    """Return the files of each split; those that name no split are the training split."""
    for place in (folder, *sorted(child for child in folder.iterdir() if child.is_dir())):
        own = sorted(place.glob("*.parquet"))
        named: dict[str, list[str]] = {}
        for file in own:
            split = SPLIT.match(file.name)
            if split:
                named.setdefault(split[0], []).append(str(file))
        if own:
            return named or {"train": [str(file) for file in own]}
    return {}
