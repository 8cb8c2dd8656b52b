"""Tuning: equal budgets, grids that grow, and refinement."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.tuning import RATES, VALUES, made, made_up, selected, stage_of

from pgf.analysis.trials import winners
from pgf.errors import UserError
from pgf.experiments.config import load_experiment
from pgf.experiments.tuning import (
    FIRST,
    MOST_RATES,
    SECOND,
    cells_of,
    first_grids,
    grid_trials,
    longer_grid,
    longer_grids,
    refining_trials,
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_cell_is_tuned_by_itself_and_dense_once() -> None:
    cells = cells_of(made())
    assert [c.column for c in cells if c.target == "dense"] == ["dense"]
    assert len(cells) == 1 + 2 * 2 and len(grid_trials(made(), first_grids(made()))) == 5 * 4


def test_the_first_stage_trains_every_rate_on_the_validation_split() -> None:
    experiment = made()
    runs = stage_of(experiment, FIRST, grid_trials(experiment, first_grids(experiment))).runs()
    assert len(runs) == 5 * 4 * 2
    assert {run.seed for run in runs} == {100, 101}
    assert {run.task.options["evaluate_on"] for run in runs} == {"validation"}
    by_column = {(r.task.name, r.recipe.name): r.training.learning_rate for r in runs}
    assert by_column["digits.1of4_FF", "sr_ste.lr0.004"] == 0.004
    assert {run.training.steps for run in runs} == {20}, "at full length"
    assert all(run.statistics.every > run.training.steps for run in runs), "nobody looks at them"
    assert {run.training.evaluations for run in runs} == {1}, "the last one decides"


def test_the_seeds_of_a_trial_follow_one_another_so_that_a_part_of_a_stage_has_whole_trials() -> (
    None
):
    experiment = made()
    runs = stage_of(experiment, FIRST, grid_trials(experiment, first_grids(experiment))).runs()
    seeds = [run.seed for run in runs]
    assert seeds == [100, 101] * (len(runs) // 2)
    trials = [(run.task.name, run.recipe.name) for run in runs]
    assert trials[::2] == trials[1::2]


def test_every_column_has_the_same_number_of_trials() -> None:
    experiment = made()
    losses = made_up(grid_trials(experiment, first_grids(experiment)))
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


def test_a_grid_grows_for_every_column_of_the_task_whose_winner_is_on_the_edge() -> None:
    tasks = {name: VALUES["tasks"]["digits"] for name in ("digits", "others")}
    experiment = made(tasks=tasks)
    best = {cell: RATES[-1] if cell.task == "others" else RATES[1] for cell in cells_of(experiment)}
    grids = longer_grids(experiment, first_grids(experiment), best)
    assert {task: rates for (task, _), rates in grids.items()} == {
        "digits": RATES,
        "others": [*RATES, 0.016],
    }
    counts = Counter(trial.cell for trial in grid_trials(experiment, grids))
    assert {(cell.task, count) for cell, count in counts.items()} == {("digits", 4), ("others", 5)}
    selected(experiment, dict.fromkeys(grid_trials(experiment, grids), 1.0))
    assert load_experiment("file.yaml").runs()


def test_the_grid_of_removed_grows_alone_and_with_the_others() -> None:
    recipes = {**VALUES["recipes"], "gone": {"recipe": "removed"}}
    experiment = made(recipes=recipes)
    best = {cell: 0.008 if cell.column == "gone" else 0.002 for cell in cells_of(experiment)}
    grids = longer_grids(experiment, first_grids(experiment), best)
    assert {column for (_, column), rates in grids.items() if rates != RATES} == {"gone"}
    losses = dict.fromkeys(grid_trials(experiment, grids), 1.0)
    selected(experiment, losses)
    assert load_experiment("file.yaml").runs()
    best = {cell: 0.002 if cell.column == "gone" else 0.008 for cell in cells_of(experiment)}
    grids = longer_grids(experiment, grids, best)
    assert all(set(RATES) | {0.016} == set(rates) for rates in grids.values())
    fewer = {t: loss for t, loss in losses.items() if t.learning_rate < 0.01}
    del fewer[next(t for t in fewer if t.cell.column == "gone")]
    selected(experiment, fewer)
    with pytest.raises(UserError, match="with 3 to 4 trials"):
        load_experiment("file.yaml")


def test_a_grid_does_not_grow_for_ever() -> None:
    rates = list(RATES)
    while (longer := longer_grid(rates, [rates[-1]])) != rates:
        rates = longer
    assert len(rates) == MOST_RATES


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


def test_a_lambda_of_zero_cannot_be_tuned() -> None:
    experiment = made(recipes={"dense": {}, "sr_ste": {"options": {"lambda_w": 0.0}}})
    with pytest.raises(UserError, match="lambda_w 0 cannot be tuned"):
        refining_trials(experiment, {cell: 0.1 for cell in cells_of(experiment)})
