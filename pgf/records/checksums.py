"""Checksums of what was written, so that a file changed afterwards is known."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.records.files import write_atomically

CHECKSUMS = "checksums.json"
"""File beside published results: name of a file -> its checksum."""


def checksum_of(values: Mapping[str, Any]) -> str:
    """Return the checksum of a record's content: the order and the layout of its keys are free."""
    text = json.dumps(values, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def file_checksum(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the checksums of files of a folder beside them."""
    sums = {name: file_checksum(folder / name) for name in names}
    write_atomically(folder / CHECKSUMS, json.dumps(sums, indent=1, sort_keys=True) + "\n")


def check_files(folder: Path, names: Iterable[str], *, mend: str) -> None:
    """Check files against the checksums beside them; nothing where there are none.

    Args:
        folder: where they lie.
        names: the files.
        mend: what to do about one that was changed, for the error.

    Raises:
        UserError: a file is not what was written, or the checksums cannot be read.
    """
    path = folder / CHECKSUMS
    if not path.exists():
        return
    try:
        sums = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no JSON ({error}): {mend}") from error
    for name in names:
        if not isinstance(sums, dict) or sums.get(name) != file_checksum(folder / name):
            raise UserError(f"{folder / name} is not what was collected, by {path}: {mend}")
