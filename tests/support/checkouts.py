"""A copy of the project that commands can be run in, as a person does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from pgf.sparsity.kernels import build
from support import ROOT

TINY = """
name: tiny
tasks: {digits_vit: {options: {evaluate_on: validation}}}
training: {steps: 12, batch_size: 32, learning_rate: 0.002, evaluations: 2, checkpoint_every: 5}
targets: ["1:4(FF)", "2:8(FF)+1:4(QK)"]
recipes: {dense: {}, sr_ste: {}, mdgf_linear: {preset: advised}, sdgf_stepwise: {preset: advised}}
seeds: [3, 4]
runs_per_job: 7
statistics: {every: 2, noise_every: 4}
analysis: {baselines: [sr_ste]}
"""


class Checkout:
    """A copy of the project in a folder of its own, with a home that holds the kernels alone."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        for name in ("pgf", "configs", "workflow"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__py*"))
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(ROOT / name, self.root)
        (self.root / "configs/tiny.yaml").write_text(TINY)
        home = folder / "home"
        home.mkdir()
        if build.library() is not None:  # or every home would build the kernels again
            (home / ".cache/pgf").mkdir(parents=True)
            for built in build.folder().glob("*.so"):
                shutil.copy(built, home / ".cache/pgf")
        bin_folder = str(Path(sys.executable).parent)
        path = os.pathsep.join((bin_folder, os.environ["PATH"]))
        self.environment = {**os.environ, "HOME": str(home), "PATH": path}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *command: str) -> tuple[int, str]:
        process = self.start(*command)
        output, _ = process.communicate()
        return process.returncode, output

    def reproduce(self, experiment: str) -> str:
        code, output = self.run("pgf", "reproduce", experiment, "--jobs", "2")
        assert code == 0, output
        return output

    def records(self, experiment: str) -> dict[Path, int]:
        found = (self.root / "results" / experiment / "runs").rglob("record.json")
        return {path: path.stat().st_mtime_ns for path in found}


def wait_for(text: str, process: subprocess.Popen[str], *others: str) -> None:
    """Read a process's lines until one has a text, or one of the others."""
    assert process.stdout is not None
    texts = (text, *others)
    found = any(text in line for line in process.stdout for text in texts)
    assert found, f"never said: {text}"
