"""A summary of the runs that are missing when a workflow ends, with the ends of their logs."""

from collections.abc import Sequence
from pathlib import Path

from pgf.experiments import RunSpec
from pgf.records.record import RECORD

SHOWN_RUNS = 5
SHOWN_LINES = 4
TRAIN_LOG = "train.log"


def failure_summary(specs: Sequence[RunSpec], results: Path) -> str:
    """Return which runs have no record and how their logs end; nothing if all are there."""
    missing = [spec for spec in specs if not (spec.directory(results) / RECORD).exists()]
    if not missing:
        return ""
    started = [spec for spec in missing if _log(spec, results).exists()]
    never = len(missing) - len(started)
    lines = [
        f"{len(missing)} of {len(specs)} runs are not finished"
        + (f", {never} of them never started" if never else "")
        + "; the others stand, and the same command goes on"
    ]
    for spec in started[:SHOWN_RUNS]:
        lines += [f"  {spec.title} ({_log(spec, results)}):"]
        lines += [f"    {line}" for line in last_lines(_log(spec, results))]
    if len(started) > SHOWN_RUNS:
        lines += [f"  and {len(started) - SHOWN_RUNS} more"]
    return "\n".join(lines)


def _log(spec: RunSpec, results: Path) -> Path:
    return spec.directory(results) / TRAIN_LOG


def last_lines(path: Path, count: int = SHOWN_LINES) -> list[str]:
    """Return the last lines of a text file, of which the last kilobytes are read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 8192))
        text = file.read().decode("utf-8", errors="replace")
    return text.splitlines()[-count:]
