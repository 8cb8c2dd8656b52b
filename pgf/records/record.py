"""The record of a run, one flat file that is written last and atomically, and its curves.

`record.json` exists only for a complete run. `curves.parquet` holds the statistics over time with
the columns `step, name, layer, reference, value`.
"""

import json
import math
from pathlib import Path
from typing import Any

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.records.checksums import checksum_of, file_checksum
from pgf.records.files import set_aside, write_atomically

SCHEMA = 2
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
KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    **dict.fromkeys(REQUIRED, ("a text", (str,))),
    **dict.fromkeys(("schema", "seed"), ("a whole number", (int,))),
    **dict.fromkeys(("final", "best"), ("a number or null", (int, float, type(None)))),
    "best_step": ("a whole number or null", (int, type(None))),
    "higher_is_better": ("true or false", (bool,)),
}
"""Key -> what its value must be."""
CHECKSUM, CURVES_CHECKSUM = "checksum", "curves_checksum"
"""Keys of the checksums: of the record without this key, and of the curves beside it."""
LOWER_IS_BETTER = ("bits_per_", "error_rate", "perplexity")
"""Parts of the names of measures of which less is better."""


def write_record(directory: Path, record: dict[str, Any]) -> None:
    """Write a run's record, with checksums of itself and of its curves; NaN is written as null."""
    missing = [key for key in REQUIRED if key not in record]
    if missing:
        raise ValueError(f"record without {missing}")
    plain = {key: _null_if_not_finite(value) for key, value in record.items()}
    plain = json.loads(json.dumps(plain, allow_nan=False))
    if (directory / CURVES).exists():
        plain[CURVES_CHECKSUM] = file_checksum(directory / CURVES)
    plain[CHECKSUM] = checksum_of(plain)
    write_atomically(directory / RECORD, json.dumps(plain, indent=1, sort_keys=True) + "\n")


def _null_if_not_finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def read_record(path: Path) -> dict[str, Any]:
    """Read and check a record.

    Raises:
        UserError: it is cut short, no JSON, of another schema, lacks a key, holds what it cannot,
            or was changed after it was written.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there: train the run") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error})") from error
    except (ValueError, RecursionError) as error:  # no text, no JSON, a number of 5,000 digits
        raise UserError(f"{path} is not a complete record ({error})") from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        found = record.get("schema") if isinstance(record, dict) else type(record).__name__
        raise UserError(f"{path} has schema {found!s:.20}, but this version reads schema {SCHEMA}")
    missing = [key for key in (*REQUIRED, CHECKSUM) if key not in record]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}")
    for key, (words, kinds) in KINDS.items():
        value = record[key]
        is_flag = isinstance(value, bool) and bool not in kinds
        if is_flag or not isinstance(value, kinds) or _null_if_not_finite(value) is not value:
            raise UserError(f"{path}: {key} must be {words}")
    try:
        written = checksum_of({key: value for key, value in record.items() if key != CHECKSUM})
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not a complete record ({error})") from error
    if record.pop(CHECKSUM) != written:
        raise UserError(f"{path} was changed after it was written: its checksum is another")
    return record


def read_run(directory: Path) -> dict[str, Any]:
    """Read a run's record and check that the curves beside it are its own.

    Raises:
        UserError: as `read_record`, or the curves are missing or not what the run wrote.
    """
    record, curves = read_record(directory / RECORD), directory / CURVES
    try:
        found = file_checksum(curves)
    except FileNotFoundError as error:
        raise UserError(f"{curves} is missing beside its record") from error
    except OSError as error:
        raise UserError(f"{curves} cannot be read ({error})") from error
    if record.get(CURVES_CHECKSUM) != found:
        raise UserError(f"{curves} is not what the run wrote: its checksum is another")
    return record


def lower_is_better(measure: str, *, metric: str, higher_is_better: bool) -> bool:
    """Return whether less of a measure is better: of the task's metric as it says, else by name."""
    if measure == metric:
        return not higher_is_better
    return any(part in measure for part in LOWER_IS_BETTER)


def why_incomplete(spec: RunSpec, results: Path) -> str | None:
    """Return why a run is not complete, or None when its record is there and up to date."""
    path = spec.directory(results) / RECORD
    if not path.exists():
        return "not trained yet"
    try:
        record = read_run(path.parent)
    except UserError as error:
        return str(error)
    if record["fingerprint"] != spec.fingerprint():
        return f"{path} was made with other settings or other code"
    return None


def set_run_aside(directory: Path) -> str:
    """Rename a run's record and curves so that it is trained again; return their new names."""
    found = [directory / name for name in (RECORD, CURVES) if (directory / name).exists()]
    return " and ".join(set_aside(path).name for path in found)
