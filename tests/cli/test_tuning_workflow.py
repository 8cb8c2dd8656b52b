"""Tuning, selection and runs through the real workflow."""

import shutil

import pandas as pd
import pytest
from support.checkouts import Checkout

from pgf.experiments import read_yaml

TUNED = """
name: tuned
tasks: {digits_vit: {validation: {evaluate_on: validation}}}
training: {steps: 12, batch_size: 32, learning_rate: 0.002, evaluations: 1}
targets: ["1:4(FF)"]
recipes: {sr_ste: {}, mdgf_linear: {}}
seeds: [3, 4]
tuning: {learning_rates: [0.001, 0.01, 1.0, 100.0], seeds: [100, 101]}
statistics: {every: 3, noise_every: 6}
analysis: {baselines: [sr_ste]}
"""
"""The best rate lies inside the grid: one on the edge would make it longer."""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("tuned"))
    (made.root / "configs/tuned.yaml").write_text(TUNED)
    return made


@pytest.mark.slow
def test_one_command_tunes_selects_and_trains_with_what_it_selected(checkout: Checkout) -> None:
    checkout.reproduce("tuned")
    selection = read_yaml(checkout.root / "configs/selections/tuned.yaml")
    chosen = {
        (task, column): entry["learning_rate"]
        for task, targets in selection["choices"].items()
        for columns in targets.values()
        for column, entry in columns.items()
    }
    trials = {
        len(entry["trials"])
        for targets in selection["choices"].values()
        for columns in targets.values()
        for entry in columns.values()
    }
    assert trials == {6}, "four rates and two more around the winner"
    runs = pd.read_csv(checkout.root / "results/tuned/runs.csv")
    rates = runs.groupby(["task", "recipe"])["training.learning_rate"].agg(["min", "max"])
    assert {key: (rate, rate) for key, rate in chosen.items()} == {
        key: (low, high) for key, low, high in rates.itertuples(name=None)
    }
    trained = {path.parent.name for path in checkout.records("tuned_tuning")}
    assert trained == {"seed100", "seed101"}, "no trial has a seed of the tables"
    assert not (checkout.root / "results/tuned_tuning/tables").exists()


@pytest.mark.slow
def test_tuning_goes_on_from_the_trials_so_far_without_the_runs(checkout: Checkout) -> None:
    selection = checkout.root / "configs/selections/tuned.yaml"
    if not selection.exists():
        assert checkout.run("pgf", "tune", "tuned")[0] == 0
    text = selection.read_text()
    selection.unlink()
    gone = next(path for path in checkout.records("tuned_tuning") if "sr_ste" in str(path))
    gone.unlink()
    code, said = checkout.run("pgf", "tune", "tuned", "--so-far")
    assert code == 0, said
    assert "7 trials of 2 columns and targets; the others are missing: pgf tune tuned" in said
    for name in ("tuned_tuning", "tuned_refinement"):
        shutil.rmtree(checkout.root / "results" / name)
    code, said = checkout.run("pgf", "tune", "tuned")
    assert code == 0, said
    assert len(checkout.records("tuned_tuning")) == 2, "the seeds of the one trial that was gone"
    assert selection.read_text() == text
