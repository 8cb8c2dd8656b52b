"""The whole workflow through the real Snakefile, as a person runs it."""

from pathlib import Path

import pytest
from support.checkouts import Checkout

from pgf.analysis.figures import figure_files
from pgf.analysis.tables import table_files
from pgf.costs.compute import compute_files
from pgf.experiments.config import load_experiment


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Every recipe, few steps."""
    checkout = Checkout(tmp_path_factory.mktemp("smoke"))
    output = checkout.reproduce("smoke")
    assert "MdGf-Linear (chain rule)" in output
    return checkout


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["tables/accuracy.md", "figures/second_moment-digits_vit.png", "report.html", "runs.csv"],
)
def test_smoke_runs_every_recipe_to_its_results(smoke: Checkout, name: str) -> None:
    assert (smoke.root / "results/smoke" / name).stat().st_size > 0


@pytest.mark.slow
def test_a_second_call_trains_nothing(smoke: Checkout) -> None:
    before = smoke.records("smoke")
    smoke.reproduce("smoke")
    assert smoke.records("smoke") == before


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
