"""Paired differences, their families and the paper's own."""

import pandas as pd
import pytest
from support.synthetic import SIX, TARGET, context, runs_frame, small

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.comparisons import paired_values
from pgf.analysis.tables.context import make_context
from pgf.analysis.tables.model import Cell
from pgf.errors import UserError
from pgf.experiments.settings import AnalysisSettings


def test_differences_are_paired_by_seed():
    # Pairs 1, 1, 4 in whatever order the rows come: mean 2; all of one sign, so p = 2/8
    runs = runs_frame({("sr_ste", TARGET): [5.0, 9.0, 1.0], ("mdgf_linear", TARGET): [6, 10, 5]})
    shuffled = runs.iloc[[5, 0, 3, 2, 1, 4]]
    made = make_context(
        shuffled,
        context(runs).curves,
        AnalysisSettings(baselines=("sr_ste",)),
        recipes=[("sr_ste", "SR-STE"), ("mdgf_linear", "MdGf-Linear")],
    )
    line = TABLES["differences"](made).data.iloc[0]
    assert (line["difference"], line["n"], line["p"], line["smallest_p"]) == (2.0, 3, 0.25, 0.25)


def test_the_family_of_a_baseline_is_the_comparisons_of_one_target():
    runs = runs_frame(
        {
            ("sr_ste", "1:4(FF)"): [0.0] * 6,
            ("sr_ste", TARGET): [0.0] * 6,
            ("mdgf_linear", "1:4(FF)"): SIX,
            ("mdgf_linear", TARGET): [-x for x in SIX],
            ("mdgf_exponential", TARGET): SIX,
        }
    )
    data = TABLES["differences"](context(runs)).data
    # p = 2/64 each; alone at 1:4, twice that after Holm over two at the other target
    assert list(data["p_holm"]) == [0.03125, 0.0625, 0.0625]
    assert list(data["verdict"]) == ["above", "not settled", "not settled"]
    data = TABLES["differences"](context(runs, alpha=0.07)).data
    assert list(data["verdict"]) == ["above", "below", "above"]


def test_too_few_seeds_to_find_anything_is_said():
    made = small({"sr_ste": SIX[:3], "mdgf_linear": [x + 1 for x in SIX[:3]]})
    notes = " ".join(TABLES["differences"](made).sections[0].notes)
    assert "smallest attainable p is 0.25" in notes
    assert "more seeds are needed" in notes


def test_what_is_attainable_goes_by_the_most_pairs():
    made = small({"sr_ste": SIX, "mdgf_linear": SIX, "mdgf_exponential": [*SIX[:5], None]})
    notes = " ".join(TABLES["differences"](made).sections[0].notes)
    assert "With 6 pairs the smallest attainable p is 0.031" in notes


def test_pairs_come_in_the_order_of_seeds():
    first = pd.Series([3.0, 1.0, 9.0], index=[2, 0, 5])
    second = pd.Series([0.5, 0.25], index=[0, 2])
    assert list(paired_values(first, second)) == [0.5, 2.75]


def test_the_paper_s_difference_stands_beside_ours():
    made = small({"sr_ste": SIX, "mdgf_linear": SIX})
    table = TABLES["differences"](made)
    assert table.data["published_difference"].iloc[0] == pytest.approx(76.594 - 75.637)
    assert table.sections[0].blocks[0].rows[0][-1] == Cell("+0.96", italic=True)


def test_the_paper_s_difference_is_one_to_sr_ste_alone():
    made = small({"mdgf_exponential": SIX, "mdgf_linear": SIX}, baselines=("mdgf_exponential",))
    made_too = small({"sr_ste": SIX, "mdgf_linear": SIX}, baselines=("mdgf_linear",))
    for context_ in (made, made_too):
        assert TABLES["differences"](context_).data["published_difference"].isna().all()


def test_a_pair_with_a_diverged_run_is_left_out():
    made = small({"sr_ste": [1.0, 2.0, None], "mdgf_linear": [None, 4.0, 5.0]})
    line = TABLES["differences"](made).data.iloc[0]
    assert (line["difference"], line["n"], line["diverged"]) == (2.0, 1, 2)


def test_a_baseline_without_runs_is_a_user_error():
    with pytest.raises(
        UserError, match="baseline 'ste', no recipe of these runs: did you mean 'sr_ste'"
    ):
        small({"sr_ste": SIX}, baselines=("ste",))
