"""The table of costs: equal epochs, equal training FLOPs, and what the records say."""

from dataclasses import replace

import numpy as np
import pytest
from support.graded import graded
from support.synthetic import SIX, TARGET, context, runs_frame, without_costs
from support.texts_of_tables import cell_texts

from pgf.analysis.tables.kinds.cost import cost
from pgf.analysis.tables.render import to_markdown

TOTALS = {"dense": 4.0, "sr_ste": 2.0, "mdgf_linear": 3.0, "mdgf_exponential": 3.1}
"""Training FLOPs of a run."""


def cell_of(recipe):
    return recipe, "dense" if recipe == "dense" else TARGET


@pytest.fixture
def by_hand():
    """Return four recipes of two seeds each."""
    runs = runs_frame({cell_of(recipe): [40.0, 41.0] for recipe in TOTALS})
    runs["flops.training"] = runs["recipe"].map(TOTALS)
    runs["flops.training_dense"] = 4.0
    runs["flops.training_sparse_input_gradient"] = runs["flops.training"] / 2
    runs["average_density"] = runs["flops.training"] / 8
    return context(runs)


def data_of(made):
    return cost(made).data.set_index("recipe")


def test_inference_and_training_costs_by_hand(by_hand):
    inference, training, other, density = cost(by_hand).sections[0].blocks[:4]
    # 3 GFLOPs, of which 2 in layers that keep a sixteenth; half of 1000 weights are prunable.
    assert [c.text for c in inference.rows[0]] == [
        *("Dense", "3.00", "100.0%", "1.00", "100.0%", "2.00", "100.0%"),
    ]
    assert [c.text for c in inference.rows[1]] == [
        *("1:16 (FF)", "1.12", "37.5%", "0.531", "53.1%", "1.33", "66.4%"),
    ]
    assert inference.header[1::2] == ("inference GFLOPs", "parameters kept (k)", "stored kB")
    assert [c.text for c in training.rows[0]][1:] == ["100.0%", "50.0%", "75.0%", "77.5%"]
    assert [c.text for c in other.rows[0]][1:] == ["50.0%", "25.0%", "37.5%", "38.8%"]
    assert [c.text for c in density.rows[0]][1:] == ["50.0%", "25.0%", "37.5%", "38.8%"]
    assert cell_texts(cost(by_hand), "1:16 (FF)")[1] == "1.12"


def test_a_record_of_one_count_is_of_the_sparse_one(by_hand):
    old = by_hand.runs.drop(columns="flops.training_sparse_input_gradient")
    titles = [block.title for block in cost(replace(by_hand, runs=old)).sections[0].blocks]
    assert titles[1] == "Training FLOPs, counted with a sparse gradient of the input"
    assert not any(title.startswith("Training FLOPs, relative") for title in titles)


def longer(total, steps):
    """Return SR-STE, and MdGf-Linear with other steps and training FLOPs; two FLOPs a step else."""
    made = graded({"sr_ste": SIX, "mdgf_linear": [x + 9 + x / 9 for x in SIX]})
    runs = made.runs.assign(**{"flops.training": 180.0})
    own = runs["recipe"] == "mdgf_linear"
    runs.loc[own, "flops.training"], runs.loc[own, "n_steps"] = total, steps
    return replace(made, runs=runs)


def at_equal_flops(made):
    blocks = cost(made).sections[0].blocks
    found = [block for block in blocks if "at equal training FLOPs" in block.title]
    texts = [[cell.text for cell in row] for block in found for row in block.rows]
    return [row for row in texts if row[2] == "SR-STE"]


def test_runs_whose_length_spends_the_control_s_flops_are_compared():
    ((target, recipe, _, steps, gain, verdict),) = at_equal_flops(longer(182.0, 120))
    assert (target, recipe, steps) == ("1:16 (FF)", "MdGf-Linear", "1.33")
    assert gain.startswith("+9.39 [") and verdict == "better"


@pytest.mark.parametrize(("total", "steps"), [(190.0, 120), (170.0, 120), (180.0, 90)])
def test_other_flops_or_the_same_length_are_no_such_comparison(total, steps):
    assert at_equal_flops(longer(total, steps)) == []


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
    line = data_of(made).loc["sr_ste"]
    assert (line["training_flops"], line["equal_epochs_n"]) == (2.0, 1)
    assert "(n=1)" in to_markdown(cost(made))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("flops.forward", "inference FLOPs"),
        ("flops.training", "training FLOPs"),
        ("bytes", "stored bytes"),
        ("average_density", "average density"),
    ],
)
def test_what_is_not_recorded_is_said_in_a_sentence(by_hand, column, said):
    made = cost(replace(by_hand, runs=by_hand.runs.drop(columns=column)))
    wanted = f"Left out, because the runs do not record it: {said}."
    assert wanted in made.sections[0].notes
    assert "nan" not in to_markdown(made)


def test_without_any_cost_the_metric_at_equal_epochs_stands_alone(by_hand):
    runs = by_hand.runs.drop(columns="average_density")
    blocks = cost(without_costs(replace(by_hand, runs=runs))).sections[0].blocks
    assert [block.title for block in blocks] == ["Accuracy at equal epochs"]


def test_no_word_says_who_wins():
    text = to_markdown(cost(context())).lower()
    assert not any(word in text for word in ("best", "wins", "better than", "outperform"))
