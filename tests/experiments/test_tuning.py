"""Tuning: equal budgets, grids that grow, refinement, and a selection that the runs take."""

import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.configs import GOOD

from pgf.analysis.trials import choices_of, winners
from pgf.errors import UserError
from pgf.experiments.config import load_experiment
from pgf.experiments.experiment import Experiment
from pgf.experiments.selection import selection_text
from pgf.experiments.tuning import (
    FIRST,
    MOST_RATES,
    SECOND,
    Cell,
    Trial,
    cells_of,
    grid_trials,
    longer_grid,
    refining_trials,
    stage_values,
)
from pgf.experiments.tuning_settings import selection_path

RATES = [0.001, 0.002, 0.004, 0.008]
VALUES: dict[str, Any] = {
    **GOOD,
    "tasks": {"digits": {"task": "digits_vit", "validation": {"evaluate_on": "validation"}}},
    "recipes": {"dense": {}, "sr_ste": {"options": {"lambda_w": 0.001}}, "mdgf_linear": {}},
    "tuning": {"learning_rates": RATES, "seeds": [100, 101]},
}


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


def made(**changes: Any) -> Experiment:
    Path("file.yaml").write_text(yaml.safe_dump({**VALUES, **changes}, sort_keys=False))
    return load_experiment("file.yaml", tuned=False)


def stage_of(experiment: Experiment, stage: str, trials: list[Trial]) -> Experiment:
    values = stage_values(VALUES, experiment, stage, trials)
    path = Path(f"{values['name']}.yaml")
    path.write_text(yaml.safe_dump(values, sort_keys=False))
    return load_experiment(str(path))


def selected(experiment: Experiment, losses: dict[Trial, float]) -> None:
    path = selection_path(experiment.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = experiment.tuning_fingerprint()
    path.write_text(selection_text(experiment.name, settings, 2, choices_of(losses)))


def made_up(trials: list[Trial]) -> dict[Trial, float]:
    """Return losses that are least at 0.004 for sparse columns and at 0.002 for dense."""
    wanted = {"dense": 0.002}
    return {
        t: abs(math.log(t.learning_rate / wanted.get(t.cell.column, 0.004))) + 0.1 * len(t.options)
        for t in trials
    }


def test_every_cell_is_tuned_by_itself_and_dense_once() -> None:
    cells = cells_of(made())
    assert [c.column for c in cells if c.target == "dense"] == ["dense"]
    assert len(cells) == 1 + 2 * 2 and len(grid_trials(made(), RATES)) == 5 * 4


def test_the_first_stage_trains_every_rate_on_the_validation_split() -> None:
    experiment = made()
    runs = stage_of(experiment, FIRST, grid_trials(experiment, RATES)).runs()
    assert len(runs) == 5 * 4 * 2
    assert {run.seed for run in runs} == {100, 101}
    assert {run.task.options["evaluate_on"] for run in runs} == {"validation"}
    by_column = {(r.task.name, r.recipe.name): r.training.learning_rate for r in runs}
    assert by_column["digits.1of4_FF", "sr_ste.lr0.004"] == 0.004
    assert {run.training.steps for run in runs} == {20}, "at full length"


def test_every_column_has_the_same_number_of_trials() -> None:
    experiment = made()
    losses = made_up(grid_trials(experiment, RATES))
    best = {cell: trial.learning_rate for cell, trial in winners(losses).items()}
    refined = refining_trials(experiment, best)
    counts = {cell: sum(t.cell == cell for t in [*losses, *refined]) for cell in best}
    assert set(counts.values()) == {len(RATES) + 2}
    sr_ste = {t.options for t in refined if t.cell.column == "sr_ste"}
    assert sr_ste == {(("lambda_w", 0.0001),), (("lambda_w", 0.01),)}
    others = {t.learning_rate for t in refined if t.cell.column == "mdgf_linear"}
    assert others == {0.00283, 0.00566}


def test_the_second_stage_has_the_options_that_it_tries() -> None:
    experiment = made()
    best = {cell: 0.004 for cell in cells_of(experiment)}
    runs = stage_of(experiment, SECOND, refining_trials(experiment, best)).runs()
    found = {run.recipe.options.get("lambda_w") for run in runs if "sr_ste" in run.recipe.name}
    assert found == {0.0001, 0.01}


@given(
    st.lists(st.sampled_from(RATES), min_size=1, max_size=4),
)
def test_a_winner_on_the_edge_makes_the_grid_longer_there(best: list[float]) -> None:
    longer = longer_grid(RATES, best)
    assert longer == sorted(longer) and set(RATES) <= set(longer)
    assert (0.0005 in longer) == (0.001 in best) and (0.016 in longer) == (0.008 in best)


def test_a_grid_does_not_grow_for_ever() -> None:
    rates = list(RATES)
    while (longer := longer_grid(rates, [rates[-1]])) != rates:
        rates = longer
    assert len(rates) == MOST_RATES


def test_the_runs_take_what_was_selected() -> None:
    experiment = made()
    losses = made_up(grid_trials(experiment, RATES))
    best = {cell: trial.learning_rate for cell, trial in winners(losses).items()}
    for trial in refining_trials(experiment, best):
        losses[trial] = -1.0 if dict(trial.options) == {"lambda_w": 0.01} else 9.0
    selected(experiment, losses)
    runs = load_experiment("file.yaml").runs()
    rates = {(run.recipe.name, run.training.learning_rate) for run in runs}
    assert rates == {("dense", 0.002), ("sr_ste", 0.004), ("mdgf_linear", 0.004)}
    assert {r.recipe.options["lambda_w"] for r in runs if r.recipe.name == "sr_ste"} == {0.01}
    # A table's runs are on the test split, with its own seeds.
    assert {r.seed for r in runs} == set(GOOD["seeds"])
    assert not any("evaluate_on" in r.task.options for r in runs)


def test_of_trials_that_all_diverged_the_first_is_taken_and_said_so() -> None:
    cell = Cell("digits", "1:4(FF)", "sr_ste")
    losses = {Trial(cell, rate): math.inf for rate in RATES}
    entry = choices_of(losses)["digits"]["1:4(FF)"]["sr_ste"]
    assert entry["learning_rate"] == RATES[0] and entry["loss"] == "diverged"


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ({"learning_rates": [0.001]}, "at least 4, each above the one before"),
        ({"learning_rates": [0.004, 0.001, 0.002, 0.008]}, "each above the one before"),
        ({"learning_rates": [0.001, 0.0014, 0.002, 0.004]}, "in steps of 2 at least"),
        ({"learning_rates": RATES, "seeds": [100]}, "at least 2, all different"),
        ({"learning_rates": RATES, "seeds": [1, 100]}, "1 is a seed of digits as well"),
        ({"learning_rate": RATES}, "did you mean 'learning_rates'"),
    ],
)
def test_tuning_that_would_decide_nothing_is_refused(tuning: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        made(tuning=tuning)


def test_a_task_without_a_validation_split_cannot_be_tuned() -> None:
    with pytest.raises(UserError, match=r"tasks\.digits\.validation is missing"):
        made(tasks={"digits": {"task": "digits_vit"}})


def test_a_selection_that_does_not_match_is_refused() -> None:
    experiment = made()
    with pytest.raises(UserError, match="is not there yet: pgf tune file"):
        load_experiment("file.yaml")
    losses = made_up(grid_trials(experiment, RATES))
    selected(experiment, {t: loss for t, loss in losses.items() if t.cell.column != "sr_ste"})
    with pytest.raises(UserError, match="has no choice for sr_ste at 1:4"):
        load_experiment("file.yaml")
    unequal = dict(list(losses.items())[:-1])
    selected(experiment, unequal)
    with pytest.raises(UserError, match="3 to 4 trials, where all must have the same number"):
        load_experiment("file.yaml")
    head = f"experiment: file\nsettings: {experiment.tuning_fingerprint()}\n"
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
    selected(experiment, made_up(grid_trials(experiment, RATES)))
    assert load_experiment("file.yaml").runs()
    made(training={**VALUES["training"], "steps": 40})
    with pytest.raises(UserError, match="was tuned with other tasks, recipes, training or rates"):
        load_experiment("file.yaml")
    made(seeds=[7, 8, 9])  # of the tables alone
    assert load_experiment("file.yaml").runs()
    path = selection_path("file")
    path.write_text(path.read_text().replace("experiment: file", "experiment: other"))
    with pytest.raises(UserError, match="is of the experiment other"):
        load_experiment("file.yaml")


def test_a_lambda_of_zero_cannot_be_tuned() -> None:
    experiment = made(recipes={"dense": {}, "sr_ste": {"options": {"lambda_w": 0.0}}})
    with pytest.raises(UserError, match="lambda_w 0 cannot be tuned"):
        refining_trials(experiment, {cell: 0.1 for cell in cells_of(experiment)})
