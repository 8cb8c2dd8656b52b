"""Jobs done in a folder of a test: what they train and what they leave."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pgf.experiments.run_spec import RunSpec
from pgf.jobs.job import run_job
from pgf.records.record import (
    CURVES,
    RECORD,
    REQUIRED,
    SCHEMA,
    read_record,
    write_record,
)

VALUES = {
    **dict.fromkeys(REQUIRED, "x"),
    **{"schema": SCHEMA, "seed": 3, "final": 71.25, "best": 72.0, "best_step": 9},
    "higher_is_better": True,
}


def write_complete(spec: RunSpec, results: Path) -> Path:
    directory = spec.directory(results)
    directory.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"step": [0]}), directory / CURVES)
    write_record(directory, {**VALUES, "fingerprint": spec.fingerprint()})
    return directory


def work(specs: Sequence[RunSpec], results: Path) -> list[str]:
    """Train what is missing; return the titles of what was trained."""
    trained: list[str] = []

    def announce(spec: RunSpec, record: dict[str, Any], following: RunSpec | None) -> None:
        del record, following
        trained.append(spec.title)

    run_job(specs, results, announce=announce, progress=lambda run: None)
    return trained


def files_of(spec: RunSpec, results: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run's record without its time, and its curves."""
    directory = spec.directory(results)
    record = read_record(directory / RECORD)
    assert record.pop("train_seconds") > 0
    return record, pq.read_table(directory / CURVES).to_pydict()
