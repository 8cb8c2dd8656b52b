"""Calls of Snakemake: the workflow of an experiment, and its report."""

import ctypes
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pgf.experiments import Experiment, read_yaml
from pgf.jobs.gpus import GPUS
from pgf.jobs.progress import SIDE_BY_SIDE, counting
from pgf.jobs.slurm import queue as slurm
from pgf.jobs.slurm.sites import PROFILES, site_path

BAD_INPUT = 2
PR_SET_PDEATHSIG = 1
CHATTER = re.compile(
    r"\s*$|Config file .* is extended|Using workflow specific profile|Assuming unrestricted"
    r"|Building DAG|Using shell"
    r"|Provided cores|Rules claiming|Conda environments|Select jobs|Execute \d+ jobs|Complete log"
    r"|Elapsed time|Nothing to be done|No SLURM account given|Unable to guess SLURM account"
    r"|No account was given|SLURM run ID|Cleaning up SLURM log"
)
"""Lines of Snakemake that tell a person nothing."""


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines that jobs run on."""

    jobs: int
    profile: str = "default"
    gpus: str = ""
    """GPUs of this machine to share out, as in CUDA_VISIBLE_DEVICES."""

    @property
    def site(self) -> Path | None:
        """The SLURM site's file, if the profile has one."""
        return site_path(self.profile)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that jobs read."""
        if self.site:
            profile = PROFILES / self.profile / "profile.yaml"
            jobs = read_yaml(profile, foreign=True).get("jobs")
            # Snakemake takes `unlimited` as well, which tells no time.
            return {SIDE_BY_SIDE: str(jobs if isinstance(jobs, int) else self.jobs), GPUS: ""}
        return {SIDE_BY_SIDE: str(self.jobs), GPUS: self.gpus, slurm.KEEP_JOB: "1"}


def run_snakemake(
    experiment: Experiment,
    config: Path,
    results: Path,
    machines: Machines,
    *,
    adopted: Sequence[str] = (),
    runs_only: bool = False,
) -> int:
    """Run the workflow and return Snakemake's exit code, or 2 if all that failed was bad input.

    What it and its jobs say goes to `logs/snakemake.log`, and to the screen without the lines that
    tell a person nothing. With `adopted` jobs it trains all that is not theirs, and no more; with
    `runs_only` it trains, and makes no table.
    """
    log = results / experiment.name / "logs" / "snakemake.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        _run_command(experiment, config, machines, adopted, runs_only=runs_only or bool(adopted)),
        env={**os.environ, "PATH": _path(), **machines.environment()},
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


def _run_command(
    experiment: Experiment,
    config: Path,
    machines: Machines,
    adopted: Sequence[str],
    *,
    runs_only: bool,
) -> list[str]:
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
    if runs_only:
        command += ["--", "runs"]
    return command


def _path() -> str:
    """Return PATH with this Python's folder in front, since rules call `python`."""
    return os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


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


def make_report(config: Path, path: Path) -> str | None:
    """Write Snakemake's HTML report, which opens without a network; return why not, if not."""
    command = [*snakemake_command(config, Machines(jobs=1)), "--nolock", "--report", str(path)]
    done = subprocess.run([*command, "--quiet", "all"], capture_output=True, text=True)
    if done.returncode == 0:
        return None
    return next(reversed(done.stderr.strip().splitlines()), f"exit code {done.returncode}")
