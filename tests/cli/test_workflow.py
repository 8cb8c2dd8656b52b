"""The whole workflow through the real Snakefile, as a person runs it."""

import json
import os
import re
import signal
from pathlib import Path

import pytest
from support.checkouts import Checkout, wait_for

from pgf.analysis.figures import figure_files
from pgf.analysis.tables import table_files
from pgf.costs.compute import compute_files
from pgf.experiments.config import CONFIGS, load_experiment

EXPERIMENTS = sorted(path.stem for path in CONFIGS.glob("*.yaml"))

LONG = """
name: long
tasks: {digits_vit: {}}
training: {steps: 400, batch_size: 32, learning_rate: 0.002, evaluations: 2, checkpoint_every: 70}
targets: ["1:4(FF)"]
recipes: {sr_ste: {}}
seeds: [0]
runs_per_job: 2
"""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Every recipe, few steps."""
    checkout = Checkout(tmp_path_factory.mktemp("undisturbed"))
    output = checkout.reproduce("smoke")
    assert "MdGf-Linear (chain rule)" in output
    return checkout


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["tables/accuracy.md", "figures/figure3.png", "report.html", "runs.csv"]
)
def test_smoke_runs_every_recipe_to_its_results(undisturbed: Checkout, name: str) -> None:
    assert (undisturbed.root / "results/smoke" / name).stat().st_size > 0


@pytest.mark.slow
def test_a_second_call_trains_nothing(undisturbed: Checkout) -> None:
    before = undisturbed.records("smoke")
    undisturbed.reproduce("smoke")
    assert undisturbed.records("smoke") == before


@pytest.mark.slow
def test_after_kill_9_the_same_command_gives_the_same_results(
    undisturbed: Checkout, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    with checkout.start("pgf", "reproduce", "smoke", "--jobs", "2") as process:
        wait_for("[ 3/50]", process)
        os.killpg(process.pid, signal.SIGKILL)
    finished = checkout.records("smoke")
    checkout.reproduce("smoke")
    assert finished.items() <= checkout.records("smoke").items()
    assert checkout.results("smoke") == undisturbed.results("smoke")


@pytest.mark.slow
def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (checkout.root / "configs/long.yaml").write_text(LONG)
    with checkout.start("pgf", "reproduce", "long", "--jobs", "1") as process:
        folder = checkout.root / "results/long/runs/digits_vit/sr_ste/1of4_FF/seed0"
        while not (folder / "checkpoint.pt").exists():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        output = process.communicate()[0]
    assert process.returncode == 130, output
    stopped = re.search(r"stopped \(SIGINT, at step (\d+)\)", output)
    assert stopped and (folder / "checkpoint.pt").exists(), output
    checkout.reproduce("long")
    # That step, and not the one of the checkpoint before.
    assert f"resumed at step {stopped[1]}\n" in (folder / "train.log").read_text()


@pytest.mark.slow
def test_broken_records_are_named_set_aside_and_trained_again(undisturbed: Checkout) -> None:
    checkout = undisturbed
    results = checkout.results("smoke")
    cut, foreign, *_ = sorted(checkout.records("smoke"))
    cut.write_text(cut.read_text()[:100])
    foreign.write_text(json.dumps({**json.loads(foreign.read_text()), "schema": 0}))
    output = checkout.reproduce("smoke")
    for path in (cut, foreign):
        assert str(path.relative_to(checkout.root)) in output
        assert path.with_name("record.json.bad1").exists()
    assert checkout.results("smoke") == results


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
