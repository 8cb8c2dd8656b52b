"""The parts of `make reproduce` around Snakemake, which owns the DAG and cannot know them.

Two processes must not work on one experiment; a record beside its outputs may be broken; and a
person wants to read the main table at the end.
"""

import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pgf.errors import BusyError
from pgf.experiments import Experiment
from pgf.jobs.snakemake import make_report
from pgf.records import RECORD, set_run_aside, why_incomplete

SECONDS_TO_WRITE = 3600.0
"""A temporary file that is older than this has no writer any more."""


@contextmanager
def only_one(name: str, results: Path) -> Iterator[None]:
    """Hold an experiment by its name; a killed holder lets go by itself.

    Raises:
        BusyError: somebody else holds it.
    """
    folder = results / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / name), folder / f"{name}.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        pid = owner.read_text().strip() if owner.exists() else "unknown"
        raise BusyError(
            f"another process ({pid}) is at work on the experiment '{name}'; "
            f"wait for it or stop it, then run the same command again"
        ) from error
    try:
        owner.write_text(f"{os.getpid()}\n")
        yield
    finally:
        lock.release()


def manifest_path(experiment: Experiment, job: str, results: Path) -> Path:
    """Return the declared output of a job."""
    return results / experiment.name / "packs" / f"{job}.json"


def count_missing(experiment: Experiment, results: Path) -> int:
    """Return how many runs are still to be trained; nothing is changed."""
    return sum(why_incomplete(spec, results) is not None for spec in experiment.runs())


def set_broken_aside(experiment: Experiment, results: Path, *, spare: Collection[str] = ()) -> None:
    """Set broken and outdated records aside, and forget the manifests of jobs with work to do.

    Args:
        experiment: whose; its config was checked, since a typo there makes all records outdated.
        results: the results folder.
        spare: jobs that are training and may write theirs at this moment.
    """
    for left_over in (results / experiment.name).rglob(".*.tmp"):
        # A job on another machine may be writing a younger one, and may rename it meanwhile.
        with suppress(FileNotFoundError):
            if time.time() - left_over.stat().st_mtime > SECONDS_TO_WRITE:
                left_over.unlink()
    for job, specs in experiment.jobs().items():
        problems = [why_incomplete(spec, results) for spec in specs]
        for spec, problem in zip(specs, problems, strict=True):
            if problem is None:
                continue
            directory = spec.directory(results)
            if job not in spare and (directory / RECORD).exists():
                kept = set_run_aside(directory)
                print(f"{problem}; kept as {kept}, will train again", file=sys.stderr)
        if any(problems) and job not in spare:
            manifest_path(experiment, job, results).unlink(missing_ok=True)


def finish(experiment: Experiment, config: Path, results: Path) -> None:
    """Write the report if anything is newer than it, then print the main table and all paths."""
    from pgf.analysis import DASHBOARD, context_of, terminal_view, write_page

    folder = results / experiment.name
    report = folder / "report.html"
    written = [*sorted(folder.glob("tables/*.md")), *sorted(folder.glob("figures/*.png"))]
    newest = max(path.stat().st_mtime for path in written)
    outdated = not report.exists() or report.stat().st_mtime < newest
    if outdated and (why := make_report(config, report)):
        print(f"pgf: {report} could not be written ({why}); the rest is", file=sys.stderr)
    context = context_of(experiment, results)
    page = write_page(context, folder, is_tuned=experiment.tuning is not None)
    print(terminal_view(context))
    for kind in ("tables", "figures"):
        names = sorted({path.stem for path in written if path.parent.name == kind})
        print(f"{kind + ':':<11}{folder / kind}/{{{','.join(names)}}}")
    for kind, path in (("page:", page), ("report:", report), ("dashboard:", folder / DASHBOARD)):
        if path.exists():
            print(f"{kind:<11}{path}")
