"""Admission and recovered shares, by hand and against plain arithmetic on the runs."""

import math

import numpy as np
import pytest
from support.graded import graded
from support.synthetic import SIX, TARGET, context, runs_frame

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.admission import grade_of, margin_of, recovered
from pgf.analysis.tables.losses import losses_of, measure_of

SPREAD = (5.0, -5.0, 2.0, -2.0, 0.0, 0.0)
"""Of the random mask over seeds: s is the square root of 58 / 5."""


def around(mean: float) -> list[float]:
    return [mean + one for one in SPREAD]


def test_a_task_that_needs_its_layers_and_pays_for_pruning_grades():
    grade = grade_of(graded({"sr_ste": SIX}, random_mask=around(-60.0)), "toy", TARGET)
    assert grade.grades and grade.n == 6
    assert (grade.removed_gap.estimate, grade.dense_gap.estimate) == (40.0, 100.0)
    assert grade.spread == pytest.approx(math.sqrt(58 / 5))
    # SIX has a variance of 3.5.
    assert grade.columns_spread == pytest.approx(math.sqrt((58 + 5 * 3.5) / 10))


def test_other_columns_have_no_say_in_what_grades():
    wide = [-900.0, 30.0, -400.0, 10.0, -50.0, 39.0]
    alone = grade_of(graded({"sr_ste": SIX}, random_mask=around(-60.0)), "toy", TARGET)
    beside = graded({"sr_ste": SIX, "wanda": wide}, random_mask=around(-60.0))
    grade = grade_of(beside, "toy", TARGET)
    assert grade.grades and grade.spread == alone.spread
    assert grade.smallest == alone.smallest and grade.columns_spread > 10 * alone.columns_spread


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"removed": [-70.0] * 6}, "removed is 2.9 sd above random, not 4"),
        ({"random_mask": around(20.0)}, "random is 5.9 sd above dense, not 8"),
        ({"removed": None}, "no runs of removed"),
        ({"random_mask": None}, "no runs of random_mask"),
        ({"random_mask": [*around(-60.0)[:5], None]}, "a run of random_mask diverged"),
        ({"removed": [*[-100.0] * 5, None]}, "a run of removed diverged"),
        ({"dense": [*[40.0] * 5, None]}, "a run of dense diverged"),
    ],
)
def test_a_task_that_does_not_grade_says_why(change, reason):
    grade = grade_of(
        graded({"sr_ste": SIX}, **{"random_mask": around(-60.0)} | change), "toy", TARGET
    )
    assert not grade.grades and reason in grade.reason


def test_one_seed_grades_nothing():
    grade = grade_of(graded({"sr_ste": SIX[:1]}), "toy", TARGET)
    assert grade.reason == "too few seeds to know their spread"


def test_the_recovered_share_by_hand():
    # Random -60, dense 40: SIX has the mean 3.5, which is 63.5 of 100.
    made = graded({"sr_ste": SIX})
    share = recovered(made, "toy", TARGET, "sr_ste")
    assert share.estimate == pytest.approx(63.5)
    assert share.low < 63.5 < share.high and share.n == 6
    assert recovered(made, "toy", TARGET, "random_mask").estimate == 0
    assert recovered(made, "toy", TARGET, "dense").estimate == 100
    assert margin_of(made, "toy", TARGET) == pytest.approx(5.0)


def test_the_bootstrap_interval_covers_the_true_share():
    rng, covered = np.random.default_rng(3), 0
    for _ in range(60):
        made = graded({"sr_ste": list(rng.normal(-10.0, 3.0, 12))})
        share = recovered(made, "toy", TARGET, "sr_ste")
        covered += share.low <= 50.0 <= share.high
    assert covered >= 50  # 95% of 60 are 57; the bootstrap of twelve falls a little short


def test_a_diverged_run_is_the_worst_of_its_pair_and_stays_in():
    made = graded({"sr_ste": SIX, "mdgf_linear": [10.0, 10.0, 10.0, 10.0, 10.0, None]})
    losses = losses_of(made, "toy")
    gains = losses.gains("mdgf_linear", "sr_ste", TARGET)
    assert list(gains[:5]) == [9.0, 8.0, 7.0, 6.0, 5.0]
    assert gains[5] == -100.0 - 6.0, "the worst of the target, which removed has"
    assert losses.diverged_in("mdgf_linear", TARGET) == 1
    *_, shares = TABLES["grading"](made).sections[0].blocks
    (line,) = shares.rows
    marks = {name: "†1" in cell.text for name, cell in zip(shares.header, line, strict=True)}
    assert {name for name, marked in marks.items() if marked} == {made.label("mdgf_linear")}


def test_where_every_run_of_a_recipe_diverged_it_is_worse():
    made = graded({"sr_ste": SIX, "mdgf_linear": [None] * 6})
    line = TABLES["differences"](made).data.set_index("recipe").loc["mdgf_linear"]
    assert (line["verdict"], line["diverged"], line["n"]) == ("worse", 6, 6)


def test_losses_are_compared_where_the_runs_have_them():
    finals = {("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): SIX}
    runs = runs_frame(finals).assign(final_loss=[*SIX, *[x - 1 for x in SIX]])
    made = context(runs, published={})
    assert measure_of(made, "toy").name == "held-out loss"
    assert list(losses_of(made, "toy").gains("mdgf_linear", "sr_ste", TARGET)) == [1.0] * 6
    by_metric = context(runs, published={}, measure="metric")
    assert list(losses_of(by_metric, "toy").gains("mdgf_linear", "sr_ste", TARGET)) == [0.0] * 6


def test_the_table_says_what_grades_and_who_recovers_what():
    finals = {"sr_ste": SIX, "mdgf_linear": [x + 9 for x in SIX]}
    table = TABLES["grading"](graded(finals, random_mask=around(-60.0)))
    admission, shares = table.sections[0].blocks
    cells = dict(zip(admission.header, [cell.text for cell in admission.rows[0]], strict=True))
    assert (cells["target"], cells["grades"], cells["n"]) == ("1:16 (FF)", "yes", "6")
    # Differences to dense: the random mask has a variance of 58 / 5, each recipe one of 3.5.
    pooled = math.sqrt((58 + 2 * 5 * 3.5) / 15)
    assert (cells["sd"], cells["sd of columns"]) == (f"{math.sqrt(58 / 5):.3g}", f"{pooled:.3g}")
    texts = dict(zip(shares.header, [cell.text for cell in shares.rows[0]], strict=True))
    assert texts["SR-STE"].startswith("+64 [") or texts["SR-STE"].startswith("+63 [")
    assert texts["MdGf-Linear"].startswith("+72 [") or texts["MdGf-Linear"].startswith("+73 [")
