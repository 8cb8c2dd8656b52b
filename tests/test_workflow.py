"""The whole workflow through the real Snakefile, as a person runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgf.compute import compute_files
from pgf.config import CONFIGS, load_experiment
from pgf.figures import figure_files
from pgf.tables import table_files

ROOT = Path(__file__).parent.parent
EXPERIMENTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
TINY = """
name: tiny
tasks: {digits_vit: {options: {evaluate_on: validation}}}
training: {steps: 12, batch_size: 32, learning_rate: 0.002, evaluations: 2, checkpoint_every: 5}
targets: ["1:4(FF)", "2:8(FF)+1:4(QK)"]
recipes: {dense: {}, sr_ste: {}, mdgf_linear: {preset: advised}, sdgf_stepwise: {preset: advised}}
seeds: [3, 4]
runs_per_job: 4
statistics: {every: 2, noise_every: 4}
analysis: {baselines: [sr_ste]}
"""


class Checkout:
    """A copy of the project in a folder of its own, with an empty home."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "a checkout"
        for name in ("pgf", "configs", "workflow"):
            shutil.copytree(ROOT / name, self.root / name, ignore=shutil.ignore_patterns("__py*"))
        for name in ("Snakefile", "environment.yml"):
            shutil.copy(ROOT / name, self.root)
        (self.root / "configs/tiny.yaml").write_text(TINY)
        home = folder / "home"
        home.mkdir()
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

    def results(self, experiment: str) -> dict[str, bytes]:
        folder = self.root / "results" / experiment
        files = [*folder.glob("tables/*"), *folder.glob("figures/*"), folder / "curves.parquet"]
        return {path.name: path.read_bytes() for path in files}

    def records(self, experiment: str) -> dict[Path, int]:
        found = (self.root / "results" / experiment / "runs").rglob("record.json")
        return {path: path.stat().st_mtime_ns for path in found}


def wait_for(text: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert any(text in line for line in process.stdout), f"never said: {text}"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    checkout.reproduce("tiny")
    return checkout


@pytest.mark.slow
def test_smoke_runs_every_recipe_to_its_tables_figures_and_report(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    output = checkout.reproduce("smoke")
    assert "MdGf-Linear (chain rule)" in output
    for name in ("tables/accuracy.md", "figures/figure3.png", "report.html", "runs.csv"):
        assert (checkout.root / "results/smoke" / name).stat().st_size > 0, name


@pytest.mark.slow
def test_a_second_call_trains_nothing(undisturbed: Checkout) -> None:
    before = undisturbed.records("tiny")
    undisturbed.reproduce("tiny")
    assert undisturbed.records("tiny") == before


@pytest.mark.slow
def test_after_kill_9_the_same_command_gives_the_same_results(
    undisturbed: Checkout, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    with checkout.start("pgf", "reproduce", "tiny", "--jobs", "2") as process:
        wait_for("[ 3/14]", process)
        os.killpg(process.pid, signal.SIGKILL)
    finished = checkout.records("tiny")
    checkout.reproduce("tiny")
    assert finished.items() <= checkout.records("tiny").items()
    assert checkout.results("tiny") == undisturbed.results("tiny")


@pytest.mark.slow
def test_broken_records_are_named_set_aside_and_trained_again(undisturbed: Checkout) -> None:
    checkout = undisturbed
    results = checkout.results("tiny")
    cut, foreign, *_ = sorted(checkout.records("tiny"))
    cut.write_text(cut.read_text()[:100])
    foreign.write_text(json.dumps({**json.loads(foreign.read_text()), "schema": 0}))
    output = checkout.reproduce("tiny")
    for path in (cut, foreign):
        assert str(path.relative_to(checkout.root)) in output
        assert path.with_name("record.json.bad1").exists()
    assert checkout.results("tiny") == results


@pytest.mark.slow
def test_of_two_at_once_one_works_and_the_other_says_so(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    with checkout.start("pgf", "reproduce", "tiny", "--jobs", "1") as first:
        wait_for("runs to train", first)
        code, output = checkout.run("pgf", "reproduce", "tiny")
        os.killpg(first.pid, signal.SIGKILL)
    assert code == 2
    assert f"another process ({first.pid}) is at work on the experiment 'tiny'" in output


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_fresh_clone_with_committed_tables_plans_every_job(
    experiment: str, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    committed = checkout.root / "results" / experiment
    files = {"tables": table_files(), "figures": figure_files(), "compute": compute_files()}
    for kind, names in files.items():
        (committed / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            (committed / kind / name).touch()
    (committed / "runs.csv").touch()
    (committed / "curves.parquet").touch()
    profile = ["--workflow-profile", "workflow/profiles/default", "--quiet", "rules"]
    config = ["--config", f"experiment={experiment}"]
    code, output = checkout.run("snakemake", "--dry-run", *profile, *config)
    assert code == 0, output
    assert f"train {len(load_experiment(experiment).jobs())} " in " ".join(output.split())
