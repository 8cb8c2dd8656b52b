"""Paired gains over a baseline, and the paper's own differences."""

import numpy as np
import pytest
from scipy import stats
from support.graded import graded
from support.synthetic import OWN, SIX, TARGET, context, runs_frame, small

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import make_context
from pgf.analysis.tables.model import Cell
from pgf.errors import UserError
from pgf.experiments.settings import AnalysisSettings


def test_gains_are_paired_by_seed():
    # Pairs 1, 1, 4 in whatever order the rows come: mean 2; all of one sign, so exact p = 2/8
    runs = runs_frame({("sr_ste", TARGET): [5.0, 9.0, 1.0], ("mdgf_linear", TARGET): [6, 10, 5]})
    shuffled = runs.iloc[[5, 0, 3, 2, 1, 4]]
    made = make_context(
        shuffled,
        context(runs).curves,
        AnalysisSettings(baselines=("sr_ste",)),
        recipes=[("sr_ste", "SR-STE"), ("mdgf_linear", "MdGf-Linear")],
    )
    line = TABLES["differences"](made).data.iloc[0]
    assert (line["gain"], line["n"], line["p_exact"]) == (2.0, 3, 0.25)
    assert line["p"] == pytest.approx(stats.ttest_1samp([1.0, 1.0, 4.0], 0.0).pvalue)


def test_the_verdict_recomputed_from_the_runs_alone():
    rng = np.random.default_rng(4)
    made = graded({"sr_ste": SIX, "mdgf_linear": [x + 9 + rng.normal() for x in SIX]})
    line = TABLES["differences"](made).data.set_index("recipe").loc["mdgf_linear"]
    wide = made.runs.pivot_table(index="seed", columns="recipe", values="final")
    gains = wide["mdgf_linear"] - wide["sr_ste"]
    assert line["gain"] == pytest.approx(gains.mean())
    assert line["p"] == pytest.approx(stats.ttest_rel(wide["mdgf_linear"], wide["sr_ste"]).pvalue)
    half = stats.t.ppf(0.975, 5) * gains.std() / np.sqrt(6)
    assert (line["low"], line["high"]) == pytest.approx((gains.mean() - half, gains.mean() + half))
    assert line["margin"] == pytest.approx(0.05 * (wide["dense"] - wide["random_mask"]).mean())
    assert line["verdict"] == "better" and line["p"] <= 0.05 and line["low"] > line["margin"]


def test_where_the_task_does_not_grade_there_is_no_verdict():
    made = graded({"sr_ste": SIX, "mdgf_linear": [x + 9 for x in SIX]}, removed=None)
    table = TABLES["differences"](made)
    assert set(table.data["verdict"]) == {"not testable here"}
    assert "which does not grade: no runs of removed" in " ".join(table.sections[0].notes)


def test_a_comparison_has_one_verdict_in_every_table():
    better = [x + gain for x, gain in zip(SIX, [3, 9, 8, 7, 2, 9], strict=True)]
    made = graded({"sr_ste": SIX, "mdgf_linear": better})
    line = TABLES["differences"](made).data.set_index("recipe").loc["mdgf_linear"]
    claims = TABLES["claims"](made).data
    asked = claims[(claims["recipe"] == "mdgf_linear") & (claims["control"] == "sr_ste")]
    own = asked[asked["claim"] == "mdgf-at-high-sparsity"].iloc[0]
    for theirs, ours in (("estimate", "gain"), ("p", "p"), ("comparison", "verdict")):
        assert own[theirs] == line[ours]


def test_the_paper_s_difference_stands_beside_ours_where_the_set_up_is_its_own():
    made = small({"sr_ste": SIX, "mdgf_linear": SIX}, published={"toy": (OWN,)})
    table = TABLES["differences"](made)
    assert table.data["published_difference"].iloc[0] == pytest.approx(76.594 - 75.637)
    assert table.sections[0].blocks[0].rows[0][-1] == Cell("+0.96", italic=True)
    elsewhere = TABLES["differences"](small({"sr_ste": SIX, "mdgf_linear": SIX}))
    assert elsewhere.data["published_difference"].isna().all()


def test_the_paper_s_difference_is_one_to_sr_ste_alone():
    for recipes in (("mdgf_exponential", "mdgf_linear"), ("mdgf_linear", "sr_ste")):
        finals = dict.fromkeys(recipes, SIX)
        made = small(finals, baselines=recipes[:1], published={"toy": (OWN,)})
        assert TABLES["differences"](made).data["published_difference"].isna().all()


def test_a_baseline_without_runs_is_a_user_error():
    with pytest.raises(
        UserError, match="baseline 'ste', no recipe of these runs: did you mean 'sr_ste'"
    ):
        small({"sr_ste": SIX}, baselines=("ste",))
