"""The table of costs: equal epochs, equal training FLOPs, and what the records say."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.synthetic import TARGET, cell_texts, context, runs_frame, without_costs

from pgf.analysis.tables.flops_budget import smallest_total, within
from pgf.analysis.tables.kinds.cost import cost
from pgf.analysis.tables.render import to_markdown

FLOPS = {
    # recipe: cumulative training FLOPs at four evaluations
    "dense": [1.0, 2.0, 3.0, 4.0],
    "sr_ste": [0.5, 1.0, 1.5, 2.0],
    "mdgf_linear": [1.0, 2.0, 2.6, 3.0],
    "mdgf_exponential": [2.5, 2.7, 2.9, 3.1],
}
"""Totals at the target are 2, 3 and 3.1: the budget is 2, where dense does not count."""
READY = {"mdgf_linear": [0.0, 0.0, 1.0, 1.0]}
STEPS = [10, 20, 30, 40]


def cell_of(recipe):
    return recipe, "dense" if recipe == "dense" else TARGET


@pytest.fixture
def by_hand():
    """Return four recipes of two seeds each, whose metric is 10 per evaluation, plus the seed."""
    finals = {cell_of(recipe): [40.0, 41.0] for recipe in FLOPS}
    runs = runs_frame(finals)
    runs["flops.training"] = runs["recipe"].map(lambda recipe: FLOPS[recipe][-1])
    runs["flops.training_dense"] = 4.0
    rows = []
    for recipe, flops in FLOPS.items():
        for seed in (0, 1):
            for i, step in enumerate(STEPS):
                values = {
                    "accuracy": 10.0 * (i + 1) + seed,
                    "training_flops": flops[i],
                    "at_target": READY.get(recipe, [1.0] * 4)[i],
                }
                rows += [
                    ("toy", *cell_of(recipe), seed, step, n, "overall", "", v)
                    for n, v in values.items()
                ]
    columns = ["task", "recipe", "target", "seed", "step", "name", "layer", "reference", "value"]
    return replace(context(runs), curves=pd.DataFrame(rows, columns=columns))


def data_of(made):
    return cost(made).data.set_index("recipe")


def test_the_budget_is_the_smallest_total_of_the_sparse_recipes(by_hand):
    assert smallest_total(by_hand, "toy", TARGET) == 2.0
    assert np.isnan(smallest_total(without_costs(by_hand), "toy", TARGET))


@pytest.mark.parametrize("kind", ["random_mask", "one_shot"])
def test_a_floor_sets_no_budget_unless_there_are_only_floors(by_hand, kind):
    kinds = by_hand.runs["recipe"].replace({"sr_ste": kind})
    made = replace(by_hand, runs=by_hand.runs.assign(**{"recipe.kind": kinds}))
    assert smallest_total(made, "toy", TARGET) == 3.0
    assert data_of(made).loc["sr_ste", "evaluations_within"] == 4
    alone = made.runs[made.runs["recipe"] == "sr_ste"]
    assert smallest_total(replace(made, runs=alone), "toy", TARGET) == 2.0


def test_equal_flops_takes_the_last_evaluation_that_does_not_exceed_the_budget(by_hand):
    data = data_of(by_hand)
    # The budget itself still fits: dense and MdGf-Linear are at 2.0 at their second evaluation.
    assert dict(data["evaluations_within"]) == {
        "dense": 2,
        "sr_ste": 4,
        "mdgf_linear": 2,
        "mdgf_exponential": 0,
    }
    assert (data["evaluations"] == 4).all() and (data["flops_budget"] == 2.0).all()
    assert data["equal_flops"].drop("mdgf_exponential").to_dict() == {
        "dense": 20.5,
        "sr_ste": 40.5,
        "mdgf_linear": 20.5,
    }
    assert np.isnan(data.loc["mdgf_exponential", "equal_flops"])
    assert list(data["equal_flops_n"]) == [2, 2, 2, 0]
    assert (data["equal_epochs"] == 40.5).all()


def test_sums_that_differ_by_rounding_are_equal(by_hand):
    assert within(by_hand, "toy", "dense", "dense", 2.0 - 1e-12).evaluations == 2
    assert within(by_hand, "toy", "dense", "dense", 2.0 - 1e-6).evaluations == 1


def test_a_run_with_more_flops_at_a_step_takes_its_own_earlier_evaluation(by_hand):
    curves = by_hand.curves.copy()
    other = (curves["recipe"] == "sr_ste") & (curves["seed"] == 1)
    curves.loc[other & (curves["name"] == "training_flops"), "value"] *= 1.4
    found = within(replace(by_hand, curves=curves), "toy", "sr_ste", TARGET, 2.0)
    assert found.values.to_dict() == {0: 40.0, 1: 21.0}
    assert found.evaluations == 2 and found.flops == pytest.approx((2.0 + 1.4) / 2)
    assert found.at_target
    early = other & (curves["name"] == "at_target") & (curves["step"] == 20)
    curves.loc[early, "value"] = 0.0
    assert not within(replace(by_hand, curves=curves), "toy", "sr_ste", TARGET, 2.0).at_target


def test_evaluations_before_the_target_are_marked(by_hand):
    block = cost(by_hand).sections[0].blocks[-1]
    assert block.title == "Accuracy at equal training FLOPs"
    values, counts = ([cell.text for cell in row][1:] for row in block.rows)
    # Two seeds that differ by one: 12.7 (t, one degree of freedom) times 0.5.
    assert values == ["20.5 ± 6.4", "40.5 ± 6.4", "20.5 ± 6.4*", "-"]
    assert counts == ["2 of 4", "4 of 4", "2 of 4", "0 of 4"]
    assert any(note.startswith("*: ") for note in cost(by_hand).sections[0].notes)
    assert dict(data_of(by_hand)["at_target"])["mdgf_linear"] is np.False_


def test_inference_and_training_costs_by_hand(by_hand):
    section = cost(by_hand).sections[0]
    inference, training = section.blocks[:2]
    # 3 GFLOPs, of which 2 in layers that keep a sixteenth; half of 1000 weights are prunable.
    assert [c.text for c in inference.rows[0]] == [
        *("Dense", "3.00", "100.0%", "1.00", "100.0%", "2.00", "100.0%"),
    ]
    assert [c.text for c in inference.rows[1]] == [
        *("1:16 (FF)", "1.12", "37.5%", "0.531", "53.1%", "1.33", "66.4%"),
    ]
    assert inference.header[1::2] == ("inference GFLOPs", "parameters kept (k)", "stored kB")
    assert [c.text for c in training.rows[0]][1:] == ["100.0%", "50.0%", "75.0%", "77.5%"]
    assert cell_texts(cost(by_hand), "1:16 (FF)")[1] == "1.12"


def test_data_holds_the_record_s_own_numbers(by_hand):
    line = data_of(by_hand).loc["mdgf_linear"]
    run = by_hand.runs[by_hand.runs["recipe"] == "mdgf_linear"].iloc[0]
    assert line["training_flops"] == run["flops.training"] == 3.0
    assert line["inference_flops"] == run["flops.forward"]
    assert line["inference_flops_dense"] == run["flops.forward_dense"]
    assert line["bytes"] == run["bytes"] and line["parameters_kept"] == run["parameters_kept"]


def test_diverged_runs_cost_nothing_here(by_hand):
    runs = by_hand.runs.copy()
    dear = (runs["recipe"] == "sr_ste") & (runs["seed"] == 0)
    runs.loc[dear, ["status", "final"]] = ["diverged", np.nan]
    runs.loc[dear, "flops.training"] = 9.0
    made = replace(by_hand, runs=runs)
    assert smallest_total(made, "toy", TARGET) == 2.0
    assert data_of(made).loc["sr_ste", "equal_flops_n"] == 1
    assert "(n=1)" in to_markdown(cost(made))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("flops.forward", "inference FLOPs"),
        ("flops.training", "training FLOPs"),
        ("bytes", "stored bytes"),
    ],
)
def test_what_is_not_recorded_is_said_in_a_sentence(by_hand, column, said):
    made = cost(replace(by_hand, runs=by_hand.runs.drop(columns=column)))
    wanted = f"Left out, because the runs do not record it: {said}."
    assert wanted in made.sections[0].notes
    assert "nan" not in to_markdown(made)


def test_without_any_cost_the_metric_at_equal_epochs_stands_alone(by_hand):
    blocks = cost(without_costs(by_hand)).sections[0].blocks
    assert [block.title for block in blocks] == ["Accuracy at equal epochs"]


def test_no_word_says_who_wins():
    text = to_markdown(cost(context())).lower()
    assert not any(word in text for word in ("best", "wins", "better than", "outperform"))
