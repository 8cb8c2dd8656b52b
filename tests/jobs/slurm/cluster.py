"""A SLURM of our own on loopback, and workflows that run on it."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pgf.jobs.slurm.queue import TRAIN_COMMENT

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PACKAGES = ("sbatch", "slurmctld", "slurmd", "munged")
ACCOUNTING = ("slurmdbd", "mariadbd")
LONGEST_SECONDS = 900.0
"""For what hangs: a smoke run of half a minute took four where memory was slow."""
LOOK_SECONDS = 0.3

TRIAL = """
name: trial
tasks: {{digits_vit: {{options: {{evaluate_on: validation}}}}}}
training:
  {{steps: {steps}, batch_size: 32, learning_rate: 0.002, evaluations: 2, checkpoint_every: 20}}
targets: ["1:16(FF)"]
recipes: {{sr_ste: {{}}, mdgf_linear: {{preset: advised}}, sdgf_stepwise: {{preset: advised}}}}
seeds: [0]
runs_per_job: 1
statistics: {{every: 20, noise_every: 40}}
analysis: {{baselines: [sr_ste]}}
"""
RUN = "results/trial/runs/digits_vit/{}/1of16_FF/seed0"
OF_THE_MACHINE = {"train_seconds", "node", "slurm_job", "attempts"}
"""Columns of runs.csv that say where and how fast, not what."""


def missing(*, accounting: bool = False) -> str:
    """Return why there can be no SLURM here, or nothing."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root"
    absent = [p for p in (*PACKAGES, *(ACCOUNTING if accounting else ())) if not shutil.which(p)]
    packages = "slurm-wlm munge slurmdbd mariadb-server"
    return f"{', '.join(absent)} not installed (apt-get install {packages})" if absent else ""


class Cluster:
    """The daemons, by the two scripts beside this file."""

    def __init__(self, home: Path, *, accounting: bool) -> None:
        self.home, self.accounting = home, accounting
        self.environment = {**os.environ, "SLURM_HOME": str(home)}

    def up(self) -> None:
        mode = "acct" if self.accounting else "none"
        subprocess.run(["bash", HERE / "up.sh", mode], env=self.environment, check=True)

    def down(self) -> None:
        subprocess.run(["bash", HERE / "down.sh"], env=self.environment, check=True)

    def lose_node(self) -> None:
        """End the node with all that runs on it, as a power cut does; then switch it on again."""
        for pid in (int(path.name) for path in Path("/proc").glob("[0-9]*")):
            if _is_of_a_job(pid):
                os.kill(pid, signal.SIGKILL)
        ask("scontrol", "update", "nodename=localhost", "state=down", "reason=lost")
        self.restart("slurmd")
        until(lambda: "down" not in ask("sinfo", "--noheader", "--format=%T"), "the node is back")

    def restart(self, daemon: str) -> None:
        """Kill a daemon without warning, and start it again."""
        pid = int((self.home / f"run/{daemon}.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists(), f"{daemon} is gone")
        subprocess.run([daemon], check=True)


class Grid:
    """A copy of the project whose workflows go through SLURM."""

    def __init__(self, root: Path, *, steps: int, status: str = "squeue", **site: object) -> None:
        self.root = root
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        for name in listed.stdout.split("\n"):
            if (ROOT / name).is_file() and not name.startswith("results/"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, root / name)
        (root / "configs/trial.yaml").write_text(TRIAL.format(steps=steps))
        self._edit("site.yaml", {"partition": "gpu", "cpus": 1, "memory_mb": 1500, **site})
        self._edit(
            "profile.yaml",
            {
                "slurm-init-seconds-before-status-checks": 3,
                "slurm-status-command": status,
            },
        )
        with (root / "workflow/profiles/slurm/profile.yaml").open("a") as file:
            file.write("seconds-between-status-checks: 3\n")
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.log = root / "reproduce.log"

    def _edit(self, name: str, values: dict[str, object]) -> None:
        path = self.root / "workflow/profiles/slurm" / name
        text = path.read_text()
        for key, value in values.items():
            text, count = re.subn(rf"(?m)^{key}: \S+", f"{key}: {value}", text)
            assert count == 1, key
        path.write_text(text)

    def start(
        self, experiment: str = "trial", *more: str, profile: str = "slurm"
    ) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pgf", "reproduce", experiment, *more]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*command, "--profile", profile],
                cwd=self.root,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def finish(self, process: subprocess.Popen[bytes], *, code: int = 0) -> str:
        """Wait for a workflow to end as expected; return what it said."""
        try:
            found = process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise AssertionError(f"did not end:\n{self.log.read_text()[-6000:]}") from None
        text = self.log.read_text()
        assert found == code, text[-6000:]
        return text

    def run(self, recipe: str) -> Path:
        return self.root / RUN.format(recipe)

    def train_log(self, recipe: str) -> str:
        path = self.run(recipe) / "train.log"
        return path.read_text() if path.exists() else ""

    def tables(self, experiment: str = "trial") -> dict[str, bytes]:
        """Return all that must be bitwise the same wherever it was trained."""
        folder = self.root / "results" / experiment
        runs = pd.read_csv(folder / "runs.csv", dtype=str)
        kept = runs.drop(columns=[c for c in runs.columns if c in OF_THE_MACHINE])
        paths = [*folder.glob("tables/*"), *folder.glob("figures/*"), folder / "curves.parquet"]
        return {
            "runs.csv": kept.to_csv().encode(),
            **{path.name: path.read_bytes() for path in paths},
        }

    def submitted(self) -> int:
        """Return how many training jobs were submitted from here, ended ones included."""
        rows = ask("squeue", "--states=all", "--noheader", "--format=%k|%Z").splitlines()
        pairs = [row.rsplit("|", 1) for row in rows if "|" in row]
        here = [comment for comment, where in pairs if where == str(self.root)]
        return sum(comment.startswith(TRAIN_COMMENT) for comment in here)


def _is_of_a_job(pid: int) -> bool:
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:  # it has ended by now
        return False
    return name == "slurmstepd" or b"SLURM_JOB_ID=" in environment


def ask(*command: str) -> str:
    environment = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def until(condition: Callable[[], object], what: str, seconds: float = 600.0) -> None:
    """Wait for something that SLURM or a job does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"in {seconds:.0f} s it never came to be that {what}"
        time.sleep(LOOK_SECONDS)
