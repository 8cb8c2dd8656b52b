"""The two files that tables and figures are made of, with their checksums."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pgf.errors import UserError
from pgf.records.checksums import CHECKSUMS, check_files, write_checksums
from pgf.records.files import replacing, write_atomically
from pgf.records.record import OVERALL

RUNS_FILE = "runs.csv"
CURVES_FILE = "curves.parquet"
COPIED = (
    *(RUNS_FILE, CURVES_FILE, CHECKSUMS, "README.md"),
    *("*.html", "tables/*", "figures/*", "compute/*"),
)
"""Files of an experiment that git may hold."""
IDENTITY = ["task", "recipe", "target", "seed"]
CURVE_ORDER = [*IDENTITY, "name", "layer", "reference", "step"]
COLUMNS = [*IDENTITY, "step", "name", "layer", "reference", "value"]

TEXT_COLUMNS = (
    *("fingerprint", "code", "commit", "experiment", "task", "recipe", "recipe_label", "target"),
    *("status", "metric", "device", "torch", "timm", "python", "numpy", "notes"),
    *("transformers", "machine", "cpu", "data", "node", "slurm_job", "gpu", "gpu_driver", "cuda"),
    "curves_checksum",
)
"""Columns that are no numbers: a hash may look like one, a version does."""


NUMBERS = ("seed", "final", "final_loss", "best", "n_steps", "train_seconds", "step", "value")
"""Columns of numbers that tables count with; a cell may be empty."""


BY_LAYER = ("second_moment_norm", "gradient_variance")
"""Statistics that are collected for every layer too: those of the paper's Figure 3."""


@dataclass(frozen=True)
class Collected:
    """All runs of an experiment: one row each, and their curves."""

    runs: pd.DataFrame
    curves: pd.DataFrame
    """Over all sparse layers together."""
    layers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS))
    """The statistics of `BY_LAYER` for each layer; empty in files from before they were kept."""


def write_collected(collected: Collected, folder: Path) -> None:
    """Write `runs.csv` (raw floats), `curves.parquet` and the checksums of both.

    The same data gives the same bytes. The checksums come last: where they are there, the files
    belong together.
    """
    (folder / CHECKSUMS).unlink(missing_ok=True)
    write_atomically(folder / RUNS_FILE, collected.runs.to_csv(index=False, lineterminator="\n"))
    with replacing(folder / CURVES_FILE) as temporary:
        parts = [part for part in (collected.curves, collected.layers) if not part.empty]
        curves = sorted_curves(pd.concat(parts or [collected.curves], ignore_index=True))
        curves.to_parquet(temporary, index=False, compression="zstd")
    write_checksums(folder, (RUNS_FILE, CURVES_FILE))


def copy_results(source: Path, folder: Path) -> list[Path]:
    """Replace the page, runs, curves, tables, figures and costs of `folder` by those of `source`.

    Returns:
        The files written. HTML stays behind, as do runs and logs; what is there of it is removed.
    """
    copied = []
    for path in (path for name in COPIED for path in sorted(source.glob(name))):
        if path.suffix != ".html":
            with replacing(folder / path.relative_to(source)) as temporary:
                temporary.write_bytes(path.read_bytes())
            copied.append(folder / path.relative_to(source))
    for old in (path for name in COPIED for path in folder.glob(name)):
        if old not in copied:
            old.unlink()
    return copied


def read_collected(folder: Path) -> Collected:
    """Return what `write_collected` wrote.

    Raises:
        UserError: one of the two files is not there, cannot be read, or was changed since.
    """
    for name in (RUNS_FILE, CURVES_FILE):
        if not (folder / name).exists():
            raise UserError(
                f"{folder / name} is missing: train and collect the runs first (pgf reproduce), or "
                "take the committed results (--committed)"
            )
    check_files(folder, (RUNS_FILE, CURVES_FILE), mend="restore it, or collect the runs again")
    runs = _read(folder / RUNS_FILE, pd.read_csv, dtype=dict.fromkeys(TEXT_COLUMNS, "str"))
    curves = _read(folder / CURVES_FILE, pd.read_parquet)
    for path, frame, wanted in (
        (folder / RUNS_FILE, runs, (*IDENTITY, "status", "metric", "final", "notes")),
        (folder / CURVES_FILE, curves, COLUMNS),
    ):
        if absent := [name for name in wanted if name not in frame]:
            raise UserError(f"{path} lacks the columns {', '.join(absent)}: collect the runs again")
        _check_numbers(path, frame)
    runs["notes"] = runs["notes"].fillna("")
    whole = curves["layer"] == OVERALL
    return Collected(runs, *(curves[part].reset_index(drop=True) for part in (whole, ~whole)))


def _check_numbers(path: Path, frame: pd.DataFrame) -> None:
    """Check that columns of numbers hold numbers: files may come from elsewhere."""
    for name in (name for name in NUMBERS if name in frame):
        values = pd.to_numeric(frame[name], errors="coerce")
        if (odd := frame[name].notna() & values.isna()).any():
            row = int(odd.to_numpy().argmax())
            raise UserError(
                f"{path}: {name} of row {row + 1} is {frame[name].iloc[row]!r}, no number: collect "
                "the runs again"
            )


def _read(path: Path, reader: Callable[..., pd.DataFrame], **options: Any) -> pd.DataFrame:
    try:
        return reader(path, **options)
    except (ValueError, OSError) as error:  # pandas' and Arrow's own errors are among these
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read ({said}): collect the runs again") from error


def sorted_curves(curves: pd.DataFrame) -> pd.DataFrame:
    return curves.sort_values(CURVE_ORDER, kind="stable", ignore_index=True)
