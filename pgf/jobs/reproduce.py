"""`make reproduce`: an experiment from whatever state it is in to its tables, by Snakemake.

Snakemake owns the DAG; what stands here is what it cannot know: that two of us must not work on
one experiment, that a record beside its outputs is broken, and what a person wants to read.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from filelock import FileLock, Timeout

from pgf.errors import BusyError
from pgf.experiments.config import Experiment
from pgf.experiments.validation import read_yaml
from pgf.jobs.gpus import GPUS
from pgf.jobs.progress import SIDE_BY_SIDE, counting
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.sites import PROFILES, site_path
from pgf.records.record import RECORD, problem_with, set_run_aside

BAD_INPUT = 2
PR_SET_PDEATHSIG = 1
SECONDS_TO_WRITE = 3600.0
CHATTER = re.compile(
    r"\s*$|Using workflow specific profile|Assuming unrestricted|Building DAG|Using shell"
    r"|Provided cores|Rules claiming|Conda environments|Select jobs|Execute \d+ jobs|Complete log"
    r"|Elapsed time|Nothing to be done|No SLURM account given|Unable to guess SLURM account"
    r"|No account was given|SLURM run ID|Cleaning up SLURM log"
)
"""Lines of Snakemake that tell a person nothing."""


@contextmanager
def only_one(experiment: Experiment, results: Path) -> Iterator[None]:
    """Hold an experiment; a killed holder lets go by itself.

    Raises:
        BusyError: somebody else holds it.
    """
    folder = results / ".locks"
    folder.mkdir(parents=True, exist_ok=True)
    lock, owner = FileLock(folder / experiment.name), folder / f"{experiment.name}.pid"
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        pid = owner.read_text().strip() if owner.exists() else "unknown"
        raise BusyError(
            f"another process ({pid}) is at work on the experiment '{experiment.name}'; "
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


def set_broken_aside(
    experiment: Experiment, results: Path, *, spare: Collection[str] = ()
) -> list[str]:
    """Set broken and outdated records aside, and forget the manifests of jobs with work to do.

    Args:
        experiment: whose.
        results: the results folder.
        spare: jobs that are training and may write theirs at this moment.

    Returns:
        The runs still to be trained, by title.
    """
    for left_over in (results / experiment.name).rglob(".*.tmp"):
        # A job on another machine may be writing a younger one.
        if time.time() - left_over.stat().st_mtime > SECONDS_TO_WRITE:
            left_over.unlink(missing_ok=True)
    pending: list[str] = []
    for job, specs in experiment.jobs().items():
        problems = [problem_with(spec, results) for spec in specs]
        for spec, problem in zip(specs, problems, strict=True):
            if problem is None:
                continue
            pending.append(spec.title)
            directory = spec.directory(results)
            if job not in spare and (directory / RECORD).exists():
                kept = set_run_aside(directory)
                print(f"{problem}; kept as {kept}, will train again", file=sys.stderr)
        if any(problems) and job not in spare:
            manifest_path(experiment, job, results).unlink(missing_ok=True)
    return pending


@dataclass(frozen=True, kw_only=True)
class Machines:
    """Where jobs run."""

    jobs: int
    profile: str = "default"
    gpus: str = ""
    """GPUs of this machine to share out, as in CUDA_VISIBLE_DEVICES."""

    @property
    def site(self) -> Path | None:
        """The SLURM site's file, if the profile has one."""
        return site_path(self.profile)

    def environment(self) -> dict[str, str]:
        """Return what jobs are told."""
        if self.site:
            jobs = read_yaml(PROFILES / self.profile / "profile.yaml").get("jobs", self.jobs)
            return {SIDE_BY_SIDE: str(jobs), GPUS: ""}
        return {SIDE_BY_SIDE: str(self.jobs), GPUS: self.gpus, slurm.KEEP_JOB: "1"}


def run_snakemake(
    experiment: Experiment,
    config: Path,
    results: Path,
    machines: Machines,
    *,
    adopted: Sequence[str] = (),
) -> int:
    """Run the workflow and return Snakemake's exit code, or 2 if all that failed was bad input.

    What it and its jobs say goes to `logs/snakemake.log`, and to the screen without the lines that
    tell a person nothing. With `adopted` jobs it trains all that is not theirs, and no more.
    """
    command = [
        *snakemake_command(config, machines, adopted),
        # --cores would cut the threads of every job, wherever it runs.
        *("--local-cores" if machines.site else "--cores", str(machines.jobs)),
        "--nolock",  # `only_one` holds the experiment, and lets go when it is killed
    ]
    if machines.site:
        command += ["--slurm-jobname-prefix", slurm.prefix(experiment.name)]
    if machines.gpus:
        command += ["--resources", f"gpu={len(machines.gpus.split(','))}"]
    if adopted:
        command += ["--", "unadopted"]
    log = results / experiment.name / "logs" / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        command,
        env={**os.environ, **machines.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_stop_with_parent,
    )
    assert process.stdout is not None
    told = counting(experiment.runs(), results, experiment.name)
    with process, told if machines.site else nullcontext(), log.open("w", encoding="utf-8") as file:
        try:
            _pass_on(process.stdout, file)
        except KeyboardInterrupt:
            # The terminal has interrupted Snakemake and its jobs as well: let them leave in order.
            _pass_on(process.stdout, file)
            raise
    return _exit_code(process.returncode, log)


def _stop_with_parent() -> None:
    """Have the kernel tell Snakemake to stop, after its running jobs, when we are killed.

    Where the kernel cannot, a second Snakemake beside an orphaned one only wastes time: runs are
    locked one by one.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _pass_on(lines: Iterable[str], file: TextIO) -> None:
    for line in lines:
        file.write(line)
        file.flush()
        if not CHATTER.match(line):
            sys.stderr.write(line)


def _exit_code(code: int, log: Path) -> int:
    failures = re.findall(r"non-zero exit status (\d+)", log.read_text(encoding="utf-8"))
    return BAD_INPUT if code and set(failures) == {str(BAD_INPUT)} else code


def snakemake_command(config: Path, machines: Machines, adopted: Sequence[str] = ()) -> list[str]:
    """Return the command every call of Snakemake begins with."""
    values = {
        "experiment": str(config),
        "site": str(machines.site or ""),
        "gpus": machines.gpus,
        "adopted": " ".join(adopted),
    }
    return [
        *(sys.executable, "-m", "snakemake"),
        *("--workflow-profile", str(PROFILES / machines.profile)),
        *("--config", *(f"{name}={value}" for name, value in values.items() if value)),
    ]


def make_report(config: Path, path: Path) -> int:
    """Write Snakemake's HTML report, which opens without a network."""
    command = [*snakemake_command(config, Machines(jobs=1)), "--nolock", "--report", str(path)]
    return subprocess.run([*command, "--quiet", "all"], capture_output=True).returncode


def finish(experiment: Experiment, config: Path, results: Path) -> None:
    """Write the report if anything is newer than it, then print the main table and all paths."""
    from pgf.analysis.results import context_of
    from pgf.analysis.tables.terminal import terminal_view

    folder = results / experiment.name
    report = folder / "report.html"
    written = [*sorted(folder.glob("tables/*.md")), *sorted(folder.glob("figures/*.png"))]
    newest = max(path.stat().st_mtime for path in written)
    outdated = not report.exists() or report.stat().st_mtime < newest
    if outdated and make_report(config, report) != 0:
        print(f"pgf: {report} could not be written; tables and figures are", file=sys.stderr)
    print(terminal_view(context_of(experiment, results)))
    for kind in ("tables", "figures"):
        names = sorted({path.stem for path in written if path.parent.name == kind})
        print(f"{kind + ':':<9}{folder / kind}/{{{','.join(names)}}}")
    print(f"{'report:':<9}{report}")
