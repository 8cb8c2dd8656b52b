"""The accuracy table and its plain-text view, cell by cell."""

from dataclasses import replace

import pandas as pd
import pytest
from support.graded import graded
from support.synthetic import OWN, SIX, TARGET, context, runs_frame, small
from support.texts_of_tables import cell_texts

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.model import Cell
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.terminal import terminal_view

PAPERS = {"toy": (OWN,)}


@pytest.fixture(scope="module")
def whole():
    return context()


def test_accuracy_cell_by_hand():
    # mean 91.5; ddof-1 deviation sqrt(5/3); times t(0.975, 3) = 3.18245 over sqrt(4) gives 2.054
    made = small({"sr_ste": [90.0, 91.0, 92.0, 93.0], "mdgf_linear": [80.0, 81.0, 82.0, 83.0]})
    table = TABLES["accuracy"](made)
    assert cell_texts(table, "1:16 (FF)") == ["1:16 (FF)", "91.5 ± 2.1", "81.5 ± 2.1"]
    assert "n = 4 seeds in every cell" in table.sections[0].caption


def test_the_best_evaluation_has_its_own_block():
    made = small({"sr_ste": [90.0, 91.0], "mdgf_linear": [80.0, 81.0]})
    last, best = TABLES["accuracy"](made).sections[0].blocks
    assert last.rows[0][1].text.startswith("90.5 ±")
    assert best.rows[0][1].text.startswith("91.0 ±")


def test_published_numbers_stand_in_italics_under_their_recipes():
    made = small({"sr_ste": [90.0, 91.0], "mdgf_linear": [80.0, 81.0]}, published=PAPERS)
    row = TABLES["accuracy"](made).sections[0].blocks[0].rows[1]
    assert row == tuple(Cell(t, italic=True) for t in ("paper", "75.637", "76.594"))


def test_the_paper_and_the_difference_to_it_stand_beside_its_own_setup_alone():
    finals = {"sr_ste": [75.0, 76.0], "mdgf_linear": [77.0, 78.0]}
    same = small(finals, published=PAPERS)
    # 75.5 - 75.637 = -0.137 and 77.5 - 76.594 = 0.906
    assert cell_texts(TABLES["accuracy"](same), "difference")[1:] == ["-0.1", "+0.9"]
    elsewhere = to_markdown(TABLES["accuracy"](small(finals)))
    assert "difference" not in elsewhere and "75.637" not in elsewhere


def test_a_published_number_belongs_to_one_column():
    labels = {"sr_ste": "SR-STE (step 0)", "fair": "SR-STE (dense start)"}
    runs = pd.concat(
        [runs_frame({(name, TARGET): [9.0, 8.0]}, recipe_label=labels[name]) for name in labels]
    )
    made = context(runs, published=PAPERS)
    assert cell_texts(TABLES["accuracy"](made), "paper") == ["paper", "75.637", ""]


def test_the_very_label_comes_before_one_with_a_remark():
    labels = {"fair": "SR-STE (dense start)", "sr_ste": "SR-STE"}
    runs = pd.concat(
        [runs_frame({(name, TARGET): [9.0, 8.0]}, recipe_label=labels[name]) for name in labels]
    )
    assert cell_texts(TABLES["accuracy"](context(runs, published=PAPERS)), "paper") == [
        "paper",
        "",
        "75.637",
    ]


def bold(made):
    data = TABLES["accuracy"](made).data
    return sorted(set(data.loc[data["supported_best"].astype(bool), "recipe"]))


def test_bold_needs_support_and_not_just_the_highest_mean():
    above = [x + 10 + x / 9 for x in SIX]
    assert bold(graded({"sr_ste": SIX, "mdgf_linear": above})) == ["mdgf_linear"]
    assert bold(graded({"sr_ste": SIX, "mdgf_linear": [*above[:4], -9.0, -9.0]})) == []


def test_bold_needs_to_be_better_than_each_other_and_not_just_one():
    finals = {"sr_ste": [-9.0 - x for x in SIX], "sr_ste_dense_start": [1.0, 2, 3, 4, 9, 9]}
    assert bold(graded({**finals, "mdgf_linear": [x + 1 for x in SIX]})) == []


def test_nothing_is_bold_where_the_task_does_not_grade():
    above = [x + 10 + x / 9 for x in SIX]
    assert bold(graded({"sr_ste": SIX, "mdgf_linear": above}, removed=None)) == []


def test_bold_follows_the_direction_of_the_metric():
    made = graded({"sr_ste": [-x for x in SIX], "mdgf_linear": [9 + x / 9 for x in SIX]})
    runs = made.runs.assign(final=-made.runs["final"], higher_is_better=False, metric="perplexity")
    assert bold(replace(made, runs=runs)) == ["mdgf_linear"]


def test_a_dense_run_stands_in_every_row_and_is_never_bold():
    finals = {("dense", "dense"): [90.0] * 6}
    for target in ("1:4(FF)", TARGET):
        finals |= {("sr_ste", target): SIX, ("mdgf_linear", target): [x + 1 for x in SIX]}
    blocks = TABLES["accuracy"](context(runs_frame(finals))).sections[0].blocks
    assert [row[1] for row in blocks[0].rows] == [Cell("90.0 ± 0.0")] * 2


def test_diverged_runs_mark_their_cell_and_leave_its_mean():
    made = small({"sr_ste": [90.0, None, 92.0], "mdgf_linear": [None, None, None]})
    texts = cell_texts(TABLES["accuracy"](made), "1:16 (FF)")
    assert texts[1].startswith("91.0 ±")
    assert texts[1].endswith("†1")
    assert texts[2] == "†3"


def test_what_recipes_remark_on_their_layers_is_told_once():
    runs = runs_frame({("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): SIX}, notes="")
    runs.loc[runs["recipe"] == "sr_ste", "notes"] = "starts at 4:64"
    notes = TABLES["accuracy"](context(runs)).sections[0].notes
    assert [note for note in notes if "4:64" in note] == ["SR-STE, 1:16 (FF): starts at 4:64."]


def test_seeds_are_stated_where_they_are_not_the_usual_number():
    made = small(
        {"sr_ste": [1.0, 2.0, 3.0], "mdgf_linear": [1.0, 2.0, 3.0], "mdgf_exponential": [1.0, 2.0]}
    )
    texts = cell_texts(TABLES["accuracy"](made), "1:16 (FF)")
    assert [("(n=2)" in text, "(n=3)" in text) for text in texts[1:]] == [
        (False, False),
        (False, False),
        (True, False),
    ]


def test_the_terminal_view_stays_within_its_width(whole):
    text = terminal_view(whole)
    assert max(map(len, text.splitlines())) <= 110
    assert "SR-STE (dense start)" in text
    narrow = terminal_view(whole, width=40)
    assert narrow.count("SR-STE (dense start)") == 2
    assert max(len(line) for line in narrow.splitlines() if ":" not in line) <= 40
