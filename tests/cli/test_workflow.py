"""The whole workflow through the real Snakefile, as a person runs it; killed, it loses nothing."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.checkouts import Checkout, wait_for
from support.jobs import work

from pgf.analysis.figures import figure_files
from pgf.analysis.tables import table_files
from pgf.costs.compute import compute_files
from pgf.experiments.config import load_experiment
from pgf.records.record import CURVES


@dataclass(frozen=True)
class Killed:
    """A workflow that was killed, and then given the same command again."""

    checkout: Checkout
    finished: dict[Path, int]
    """Records of the runs that had finished, but for the broken ones."""
    begun: set[Path]
    """Folders of runs when it was killed."""
    broken: list[Path]
    """Records that were damaged while nothing ran."""
    said: str
    """Output of the second command."""


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    """Every recipe of the paper, few steps; killed, damaged and started again."""
    checkout = Checkout(tmp_path_factory.mktemp("smoke"))
    with checkout.start("pgf", "reproduce", "smoke", "--jobs", "2") as process:
        # Two runs that end together are counted once, as the second of them.
        wait_for("[ 3/50]", process, "[ 4/50]", "[ 5/50]")
        os.killpg(process.pid, signal.SIGKILL)
    finished = checkout.records("smoke")
    begun = {path.parent for path in (checkout.root / "results/smoke/runs").rglob("train.log")}
    cut, foreign, *_ = sorted(finished)
    cut.write_text(cut.read_text()[:100])
    foreign.write_text(json.dumps({**json.loads(foreign.read_text()), "schema": 0}))
    for path in (cut, foreign):
        del finished[path]
    return Killed(checkout, finished, begun, [cut, foreign], checkout.reproduce("smoke"))


@pytest.mark.slow
def test_after_kill_9_the_same_command_trains_the_rest_and_names_broken_records(
    smoke: Killed,
) -> None:
    for path in smoke.broken:
        assert str(path.relative_to(smoke.checkout.root)) in smoke.said
        assert path.with_name("record.json.bad1").exists()
    assert smoke.finished
    assert smoke.finished.items() <= smoke.checkout.records("smoke").items()


@pytest.mark.slow
def test_after_kill_9_the_curves_are_those_of_undisturbed_runs(
    smoke: Killed, tmp_path: Path
) -> None:
    root = smoke.checkout.root
    every = load_experiment(str(root / "configs/smoke.yaml")).runs()
    specs = [spec for spec in every if spec.directory(root / "results") in smoke.begun]
    assert len(specs) > len(smoke.finished)
    work(specs, tmp_path)
    for spec in specs:
        found, expected = (
            pq.read_table(spec.directory(results) / CURVES)
            for results in (root / "results", tmp_path)
        )
        assert found.equals(expected), spec.title


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["tables/accuracy.md", "figures/second_moment-digits_vit.png", "report.html", "runs.csv"],
)
def test_smoke_runs_every_recipe_to_its_results(smoke: Killed, name: str) -> None:
    assert "MdGf-Linear (chain rule)" in smoke.said
    assert (smoke.checkout.root / "results/smoke" / name).stat().st_size > 0


@pytest.mark.slow
def test_a_second_call_trains_nothing(smoke: Killed) -> None:
    before = smoke.checkout.records("smoke")
    smoke.checkout.reproduce("smoke")
    assert smoke.checkout.records("smoke") == before


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["laptop", "wmt17_encdec"])
def test_tables_without_runs_plan_every_job(experiment: str, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    folder = checkout.root / "results" / experiment
    settings = load_experiment(experiment)
    pictures = figure_files(settings.tasks, settings.families())
    files = {"tables": table_files(), "figures": pictures, "compute": compute_files()}
    for kind, names in files.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / kind / name).touch()
    (folder / "runs.csv").touch()
    (folder / "curves.parquet").touch()
    profile = ["--workflow-profile", "workflow/profiles/default", "--quiet", "rules"]
    config = ["--config", f"experiment={experiment}"]
    code, output = checkout.run("snakemake", "--dry-run", *profile, *config)
    assert code == 0, output
    assert f"train {len(settings.jobs())} " in " ".join(output.split())
