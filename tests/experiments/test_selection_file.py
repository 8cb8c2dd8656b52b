"""The selection file: the runs take it, and one that does not match is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
from support.tuning import RATES, VALUES, made, made_up, selected

from pgf.analysis.trials import choices_of, winners
from pgf.errors import UserError
from pgf.experiments.config import load_experiment
from pgf.experiments.selection import known_trials, selection_text
from pgf.experiments.tuning import Cell, Trial, first_grids, grid_trials, refining_trials
from pgf.experiments.tuning_settings import selection_path, trial_key

NONSENSE = (
    ("fast", "{}", "{a: 1.0}"),
    ("0.1", "[1]", "{a: 1.0}"),
    ("0.1", "{}", "6"),
    ("-1", "{}", "{a: 1.0}"),
    ("0.1", "{}", "{'0.1': 1.0, '0.2': 0.5}"),  # not the trial of least loss
    ("0.3", "{}", "{'0.1': 1.0, '0.2': 2.0}"),  # a rate that was never tried
)
"""Entries of a selection that tuning does not write."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_runs_take_what_was_selected() -> None:
    experiment = made()
    losses = made_up(grid_trials(experiment, first_grids(experiment)))
    best = {cell: trial.learning_rate for cell, trial in winners(losses).items()}
    for trial in refining_trials(experiment, best):
        losses[trial] = -1.0 if dict(trial.options) == {"lambda_w": 0.01} else 9.0
    selected(experiment, losses)
    runs = load_experiment("file.yaml").runs()
    rates = {(run.recipe.name, run.training.learning_rate) for run in runs}
    assert rates == {("dense", 0.002), ("sr_ste", 0.004), ("mdgf_linear", 0.004)}
    assert {r.recipe.options["lambda_w"] for r in runs if r.recipe.name == "sr_ste"} == {0.01}
    # A table's runs are on the test split, with its own seeds.
    assert {r.seed for r in runs} == set(VALUES["seeds"])
    assert not any("evaluate_on" in r.task.options for r in runs)


def test_of_trials_that_all_diverged_the_first_is_taken_and_said_so() -> None:
    cell = Cell("digits", "1:4(FF)", "sr_ste")
    losses = {Trial(cell, rate): math.inf for rate in RATES}
    entry = choices_of(losses)["digits"]["1:4(FF)"]["sr_ste"]
    assert entry["learning_rate"] == RATES[0] and entry["loss"] == "diverged"


def test_an_unfinished_selection_is_for_tuning_alone() -> None:
    experiment = made()
    losses = made_up(grid_trials(experiment, first_grids(experiment))[:5])
    losses[next(iter(losses))] = math.inf
    settings, path = experiment.tuning_fingerprints(), selection_path("file")
    assert known_trials("file", settings) == {}
    path.parent.mkdir(parents=True)
    path.write_text(selection_text("file", settings, 2, choices_of(losses), unfinished=True))
    with pytest.raises(UserError, match="is of a tuning that has not finished: pgf tune file"):
        load_experiment("file.yaml")
    found = {
        (*cell, key): loss
        for cell, trials in known_trials("file", settings).items()
        for key, loss in trials.items()
    }
    assert found == {
        (t.cell.task, t.cell.target, t.cell.column, trial_key(t.learning_rate, {})): (
            "diverged" if math.isinf(loss) else pytest.approx(loss, rel=1e-5)
        )
        for t, loss in losses.items()
    }


def test_trials_are_known_by_the_settings_of_their_own_column() -> None:
    experiment = made()
    selected(experiment, made_up(grid_trials(experiment, first_grids(experiment))))

    def known(**changes: Any) -> set[str]:
        return {
            column for _, _, column in known_trials("file", made(**changes).tuning_fingerprints())
        }

    recipes, training = VALUES["recipes"], VALUES["training"]
    assert known() == set(recipes)
    assert known(recipes={**recipes, "ste": {}}) == set(recipes), "one more takes none away"
    changed = {**recipes, "sr_ste": {"options": {"dense": 0.5}}}
    assert known(recipes=changed) == set(recipes) - {"sr_ste"}
    assert known(training={**training, "keep": "model", "evaluations": 7}) == set(recipes)
    assert known(training={**training, "weight_decay": 0.3}) == set()


def test_a_selection_that_does_not_match_is_refused() -> None:
    experiment = made()
    with pytest.raises(UserError, match="is not there yet: pgf tune file"):
        load_experiment("file.yaml")
    losses = made_up(grid_trials(experiment, first_grids(experiment)))
    selected(experiment, {t: loss for t, loss in losses.items() if t.cell.column != "sr_ste"})
    with pytest.raises(UserError, match="has no choice for sr_ste at 1:4"):
        load_experiment("file.yaml")
    unequal = dict(list(losses.items())[:-1])
    selected(experiment, unequal)
    with pytest.raises(UserError, match="3 to 4 trials, where all must have the same number"):
        load_experiment("file.yaml")
    head = "experiment: file\nsettings: {}\n"
    entry = "{learning_rate: %s, options: %s, loss: 1.0, trials: %s}"
    for text in (
        *("choices: 3", "choices: {a: {b: {c: 1}}}", "choices: [1]", "{}"),
        *(f"choices: {{a: {{b: {{c: {entry % more}}}}}}}" for more in NONSENSE),
    ):
        selection_path("file").write_text(head + text)
        with pytest.raises(UserError, match=r"selections/file\.yaml"):
            load_experiment("file.yaml")


def test_a_selection_of_another_length_or_experiment_is_refused() -> None:
    experiment = made()
    selected(experiment, made_up(grid_trials(experiment, first_grids(experiment))))
    assert load_experiment("file.yaml").runs()
    made(training={**VALUES["training"], "steps": 40})
    with pytest.raises(
        UserError, match="digits was tuned with another task, recipe, training or grid"
    ):
        load_experiment("file.yaml")
    made(seeds=[7, 8, 9])  # of the tables alone
    assert load_experiment("file.yaml").runs()
    path = selection_path("file")
    path.write_text(path.read_text().replace("experiment: file", "experiment: other"))
    with pytest.raises(UserError, match="is of the experiment other"):
        load_experiment("file.yaml")
