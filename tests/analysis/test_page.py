"""The results page: it repeats the tables, and says what the runs do not show."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.graded import CONTROLS, graded
from support.synthetic import SIX, TARGET, context, runs_frame

from pgf.analysis.figures import figure_files
from pgf.analysis.page.blocks import EXPLAINING, beaten_by
from pgf.analysis.page.page import SHOWN, results_page
from pgf.analysis.tables import table_names
from pgf.analysis.tables.admission import RANDOM, REMOVED, recovered
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.terminal import terminal_view
from pgf.analysis.tables.verdicts import VERDICTS
from pgf.analysis.tables.wording import with_limits

NOISE = np.linspace(-0.5, 0.5, 6)


def page_of(made, **more):
    runs = made.runs.assign(commit="c0", dirty=False)
    return results_page(replace(made, runs=runs), **{"name": "toy", "is_tuned": True, **more})


@pytest.fixture(scope="module")
def made():
    """MdGf-Linear recovers half, SR-STE ends worse than a random mask."""
    better, worse = CONTROLS["random_mask"] + 50, CONTROLS["random_mask"] - 20
    return graded({"sr_ste": list(worse + NOISE), "mdgf_linear": list(better - NOISE)})


def test_the_page_repeats_the_recovered_shares(made):
    page = page_of(made)
    for recipe in ("sr_ste", "mdgf_linear"):
        assert with_limits(recovered(made, "toy", TARGET, recipe), 0) in page
    assert "The columns recover from -20% to 50% of that." in page


def test_the_terminal_shows_the_shares_where_a_task_grades(made):
    text = terminal_view(made)
    assert "recovered share in percent: 0 is a random mask, 100 is dense" in text
    assert with_limits(recovered(made, "toy", TARGET, "mdgf_linear"), 0) in text
    flat = graded({"sr_ste": SIX}, removed=[CONTROLS["random_mask"]] * 6)
    assert "recovered share" not in terminal_view(flat)


def test_a_recipe_below_a_random_mask_is_named_with_what_may_explain_it(made):
    assert [one.recipe for one in beaten_by(made, RANDOM)] == ["sr_ste"]
    page = page_of(made)
    by = "(paired t-test, Holm over all columns and targets)"
    said = f"These end worse than a random mask {by}, at so many targets: SR-STE (1)."
    assert said in page
    assert "have a control that ends worse than a random mask." in page
    section = page.split("## Where a random mask is better")[1].split("\n## ")[0]
    assert all(heading in section for heading in EXPLAINING.values())
    level = graded({"sr_ste": list(CONTROLS["random_mask"] + NOISE)})
    assert not beaten_by(level, RANDOM) and "Where a random mask" not in page_of(level)


def test_the_verdicts_are_counted_as_the_table_has_them(made):
    found = [f.verdict for f in findings_of(made)]
    said = ", ".join(f"{found.count(v)} {v}" for v in VERDICTS if v in found)
    page = page_of(made)
    assert f"Of {len(found)} questions on the paper's claims" in page and f": {said}." in page


def test_a_recipe_below_the_removed_layers_is_named(made):
    assert not beaten_by(made, REMOVED) and "with the layers removed (" not in page_of(made)
    lower = graded({"sr_ste": list(CONTROLS["removed"] - 20 + NOISE)})
    said = "These end worse than with the layers removed (paired t-test, Holm over all columns"
    assert said in page_of(lower)


def test_a_target_that_grades_by_the_controls_alone_says_so(made):
    assert "all columns it would not" not in page_of(made)
    wide = graded({"sr_ste": SIX, "mdgf_linear": list(60 * NOISE)})
    # Differences to dense: 3.5 of SR-STE, 3600 times 0.14 of MdGf-Linear, 0 of the random mask.
    pooled = np.sqrt((3.5 + 3600 * np.var(NOISE, ddof=1)) / 3)
    said = f"all columns it would not: random is {100 / pooled:.1f} sd above dense, not 8."
    assert said in page_of(wide)


def test_every_column_says_how_it_was_trained(made):
    runs = made.runs.assign(
        **{"recipe.kind": made.runs["recipe"], "recipe.gradient": "straight_through"},
        **{"recipe.lambda_w": np.where(made.runs["recipe"] == "sr_ste", 2e-4, np.nan)},
        **{"training.learning_rate": np.where(made.runs["recipe"] == "dense", 0.001, 0.004)},
    )
    section = page_of(replace(made, runs=runs)).split("## How they were trained")[1]
    rows = dict(re.findall(r"^\| (\S[^|]*?) +\|(.*)$", section.split("\n## ")[0], re.MULTILINE))
    assert {"Dense", "SR-STE", "MdGf-Linear", "removed", "random_mask"} <= {*rows}
    cells = {name: [cell.strip() for cell in line.split("|")] for name, line in rows.items()}
    assert cells["Dense"][:7] == ["-", "-", "-", "-", "-", "-", "0.001"]
    assert cells["SR-STE"][:3] == ["straight-through", "0%", "0%"]
    assert cells["SR-STE"][5:7] == ["lambda_w 0.0002", "0.004"]
    assert cells["MdGf-Linear"][1:7] == ["10%", "30%", "-", "-", "-", "0.004"]
    assert "How they were trained" not in page_of(made), "runs from before it was recorded"


def test_a_lambda_at_the_end_of_its_three_values_is_said(made):
    for value, count in ((2e-5, 1), (2e-4, 0), (2e-3, 1)):
        own = np.where(made.runs["recipe"] == "sr_ste", value, np.nan)
        runs = made.runs.assign(**{"recipe.kind": made.runs["recipe"], "recipe.lambda_w": own})
        said = "In 1 of 1 cells SR-STE's lambda is the smallest or the largest of three"
        assert page_of(replace(made, runs=runs)).count(said) == count
        assert "and SR-STE one of three lambdas, chosen" in page_of(replace(made, runs=runs))
        assert said not in page_of(replace(made, runs=runs), is_tuned=False)


def test_a_difference_that_the_test_does_not_find_is_not_said():
    wide = list(CONTROLS["random_mask"] + 20 * NOISE - 3)
    made = graded({"sr_ste": wide, "mdgf_linear": list(-10 + NOISE), "ste": list(NOISE - 10)})
    share = recovered(made, "toy", TARGET, "sr_ste")
    assert share.estimate < 0 and not beaten_by(made, RANDOM)


def test_missing_and_diverged_runs_are_said(made):
    planned = {"toy": tuple(("ste", TARGET, seed) for seed in range(6))}
    assert "Incomplete: only" in page_of(replace(made, planned=planned))
    runs = made.runs.copy()
    first = (runs["recipe"] == "sr_ste") & (runs["seed"] == 0)
    runs.loc[first, ["status", "final"]] = ["diverged", np.nan]
    page = page_of(replace(made, runs=runs))
    assert "†k: k runs of the cell diverged (1 in all)" in page and "†1" in page


def test_the_measure_is_named_that_runs_are_compared_on(made):
    assert "(accuracy)" in page_of(made) and "compared by the held-out loss" not in page_of(made)
    runs = made.runs.assign(final_loss=-made.runs["final"] / 100)
    page = page_of(replace(made, runs=runs))
    assert "(held-out loss)" in page and "compared by the held-out loss" in page


def test_an_experiment_of_the_three_controls_has_no_empty_table():
    runs = runs_frame(
        {(name, "dense" if name == "dense" else TARGET): [v] * 6 for name, v in CONTROLS.items()}
    )
    page = page_of(context(runs, published={}, baselines=()))
    assert "## Admission" in page and "## Recovered share by target" not in page


def test_what_does_not_grade_is_said_and_nothing_is_recovered_there():
    flat = graded({"sr_ste": SIX, "mdgf_linear": SIX}, removed=[CONTROLS["random_mask"]] * 6)
    page = page_of(flat)
    assert "can grade recipes at 0 of 1 targets" in page and "does not grade" in page
    assert "The columns recover" not in page and "end worse" not in page


def test_a_length_that_is_too_short_is_said():
    def runs_of(task, steps, dense):
        finals = {("dense", "dense"): [dense] * 6}
        finals |= {(name, TARGET): [CONTROLS[name]] * 6 for name in ("random_mask", "removed")}
        finals[("mdgf_linear", TARGET)] = list(-10 + NOISE)
        return runs_frame(finals, task=task).assign(n_steps=steps)

    runs = pd.concat([runs_of("toy_100", 100, 10.0), runs_of("toy_200", 200, 40.0)])
    families = {"toy": ("toy_100", "toy_200")}
    made = replace(context(runs, published={}, baselines=()), families=families)
    page = page_of(made)
    assert "a doubled length gains dense 30% of random - dense, and 10% is the limit" in page
    assert (
        "## Lengths of training: toy" in page and "`toy`: trained at fewer than 3 lengths" in page
    )
    longer = replace(
        made, runs=pd.concat([runs_of("toy_100", 100, 38.0), runs_of("toy_200", 200, 40.0)])
    )
    page = page_of(longer)
    assert "too short by the protocol" not in page and "long enough by the protocol" in page
    absent = replace(made, runs=runs[runs["task"] == "toy_100"])
    page = page_of(absent)
    assert "no run is there of `toy_200`" in page and "is not known" not in page


def test_links_go_to_tables_and_figures_that_there_are(made):
    page = page_of(made)
    assert {*re.findall(r"\(tables/(\w+)\.md\)", page)} <= {*table_names()}
    shown = {*re.findall(r"\(figures/([-\w]+\.png)\)", page)}
    assert shown and shown <= {*figure_files(made.tasks, made.families, names=SHOWN)}


def test_whether_rates_were_tuned_is_said(made):
    assert "chosen on a validation split" in page_of(made)
    assert "learning rates are not tuned" in page_of(made, is_tuned=False)


def test_statistics_stand_beside_those_of_the_random_mask(made):
    of_sr_ste = made.curves["recipe"] == "sr_ste"
    curves = made.curves.assign(value=np.where(of_sr_ste, 3.0, 2.0))
    assert page_of(replace(made, curves=curves)).count("3.0 (2.0)") == len(EXPLAINING)


def test_a_measure_that_judges_otherwise_than_the_loss_is_named(made):
    """Another measure puts SR-STE above the random mask; the loss has it below."""
    assert "other side of the random mask" not in page_of(made)
    runs = made.runs.assign(**{"final.hits": 1.0, "final.depth": made.runs["final"]})
    runs.loc[runs["recipe"] == "sr_ste", "final.hits"] = 2.0
    page = page_of(context(runs, published={}))
    assert "by the mean of another measure" in page and ": hits SR-STE. The table" in page


@pytest.mark.parametrize(("rate", "is_said"), [(10.0, True), (0.09, False)])
def test_a_rate_far_above_dense_s_is_remarked_on_where_training_is_dense(made, rate, is_said):
    own = made.runs["recipe"] == "mdgf_linear"
    settings = {"kind": "x", "gradient": "chain_rule", "fine_tune": 0.0, "dense": own * 1.0}
    runs = made.runs.assign(**{f"recipe.{name}": value for name, value in settings.items()})
    runs["training.learning_rate"] = np.where(own, rate, 0.01)
    said = "which is least at 1000 times dense's rate: MdGf-Linear."
    made = context(runs, published={})
    assert (said in page_of(made)) == is_said
    assert said not in page_of(made, is_tuned=False)
