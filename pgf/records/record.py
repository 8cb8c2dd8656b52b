"""The record of a run, one flat file that is written last and atomically, and its curves.

`record.json` exists only for a complete run. `curves.parquet` holds the statistics over time with
the columns `step, name, layer, reference, value`.
"""

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.experiments import RunSpec

SCHEMA = 1
RECORD = "record.json"
CURVES = "curves.parquet"
CURVE_COLUMNS = ("step", "name", "layer", "reference", "value")
OVERALL = "overall"
"""Value of the column `layer` for statistics over all sparse layers together."""

REQUIRED = (
    "schema",
    "fingerprint",
    "code",
    "experiment",
    "task",
    "recipe",
    "recipe_label",
    "target",
    "seed",
    "status",
    "metric",
    "higher_is_better",
    "final",
    "best",
    "best_step",
)
"""Keys without which a record cannot enter a table; a diverged run has null metrics."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to; renamed over it when all went well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or none."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Write a run's record; NaN is written as null."""
    missing = [key for key in REQUIRED if key not in record]
    if missing:
        raise ValueError(f"record without {missing}")
    plain = {key: _null_if_not_finite(value) for key, value in record.items()}
    text = json.dumps(plain, indent=1, allow_nan=False, sort_keys=True)
    write_atomically(directory / RECORD, text + "\n")


def _null_if_not_finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a record.

    Raises:
        UserError: it is cut short, no JSON, of another schema, or lacks a key.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a complete record ({error})") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise UserError(f"{path} has schema {found}, but this version reads schema {SCHEMA}")
    missing = [key for key in REQUIRED if key not in record]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    return record


def why_incomplete(spec: RunSpec, results: Path) -> str | None:
    """Return why a run is not complete, or None when its record is there and up to date."""
    directory = spec.directory(results)
    path = directory / RECORD
    if not path.exists():
        return "not trained yet"
    try:
        record = read_record(path)
    except UserError as error:
        return str(error)
    if record["fingerprint"] != spec.fingerprint():
        return f"{path} was made with other settings or other code"
    return _problem_with_curves(directory / CURVES)


def _problem_with_curves(path: Path) -> str | None:
    import pyarrow as pa  # only where there are records to check
    import pyarrow.parquet as pq

    try:
        pq.read_metadata(path)
    except FileNotFoundError:
        return f"{path} is missing beside its record"
    except (pa.ArrowException, OSError) as error:
        return f"{path} is not a complete file ({error})"
    return None


def set_run_aside(directory: Path) -> str:
    """Rename a run's record and curves so that it is trained again; return their new names."""
    found = [directory / name for name in (RECORD, CURVES) if (directory / name).exists()]
    return " and ".join(set_aside(path).name for path in found)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used, keeping it; return its new name."""
    number = 1
    while (aside := path.with_name(f"{path.name}.bad{number}")).exists():
        number += 1
    return path.rename(aside)
