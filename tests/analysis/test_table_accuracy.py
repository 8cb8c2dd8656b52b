"""The accuracy table and its plain-text view, cell by cell."""

import pandas as pd
import pytest
from support.synthetic import SIX, TARGET, cell_texts, context, runs_frame, small

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.model import Cell
from pgf.analysis.tables.render import to_markdown
from pgf.analysis.tables.terminal import terminal_view
from pgf.experiments.settings import PublishedSettings


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
    made = small({"sr_ste": [90.0, 91.0], "mdgf_linear": [80.0, 81.0]})
    row = TABLES["accuracy"](made).sections[0].blocks[0].rows[1]
    assert row == tuple(Cell(t, italic=True) for t in ("paper", "75.637", "76.594"))


def test_a_difference_to_the_paper_only_for_the_same_setup():
    published = PublishedSettings(
        table="2", model="vit_base", metric="top1_percent", same_setup=True
    )
    finals = {"sr_ste": [75.0, 76.0], "mdgf_linear": [77.0, 78.0]}
    same = small(finals, published={"toy": (published,)})
    # 75.5 - 75.637 = -0.137 and 77.5 - 76.594 = 0.906
    assert cell_texts(TABLES["accuracy"](same), "difference")[1:] == ["-0.1", "+0.9"]
    assert "difference" not in to_markdown(TABLES["accuracy"](small(finals)))


def test_a_published_number_belongs_to_one_column():
    labels = {"sr_ste": "SR-STE (step 0)", "fair": "SR-STE (dense start)"}
    runs = pd.concat(
        [runs_frame({(name, TARGET): [9.0, 8.0]}, recipe_label=labels[name]) for name in labels]
    )
    made = context(runs)
    assert cell_texts(TABLES["accuracy"](made), "paper") == ["paper", "75.637", ""]


def test_the_very_label_comes_before_one_with_a_remark():
    labels = {"fair": "SR-STE (dense start)", "sr_ste": "SR-STE"}
    runs = pd.concat(
        [runs_frame({(name, TARGET): [9.0, 8.0]}, recipe_label=labels[name]) for name in labels]
    )
    assert cell_texts(TABLES["accuracy"](context(runs)), "paper") == ["paper", "", "75.637"]


def bold(made):
    row = TABLES["accuracy"](made).sections[0].blocks[0].rows[0]
    return [cell.bold for cell in row[1:]]


def test_bold_needs_support_and_not_just_the_highest_mean():
    above = [x + 10 for x in SIX]
    assert bold(small({"sr_ste": SIX, "mdgf_linear": above})) == [False, True]
    assert bold(small({"sr_ste": SIX, "mdgf_linear": [*above[:4], 0.0, 0.0]})) == [False, False]


def test_bold_is_corrected_for_every_other_recipe_of_the_row():
    # Six pairs give p = 1/32; Holm over two others makes it 1/16 > 0.05
    others = {"sr_ste": SIX, "sr_ste_dense_start": SIX}
    made = small({**others, "mdgf_linear": [x + 10 for x in SIX]})
    assert bold(made) == [False] * 3
    notes = " ".join(TABLES["accuracy"](made).sections[0].notes)
    assert "smallest attainable corrected p is 0.062" in notes
    assert bold(small({**others, "mdgf_linear": [x + 10 for x in SIX]}, alpha=0.07))[-1]


def test_bold_needs_to_be_better_than_each_other_and_not_just_one():
    finals = {"sr_ste": [-9.0 * x for x in SIX], "sr_ste_dense_start": [1.0, 2, 3, 4, 9, 9]}
    made = small({**finals, "mdgf_linear": [x + 1 for x in SIX]}, alpha=0.07)
    assert bold(made) == [False] * 3


def test_bold_follows_the_direction_of_the_metric():
    finals = {("sr_ste", TARGET): SIX, ("mdgf_linear", TARGET): [x + 10 for x in SIX]}
    made = context(runs_frame(finals, higher_is_better=False, metric="perplexity"))
    assert bold(made) == [True, False]


def test_a_dense_run_stands_in_every_row_and_is_never_bold():
    runs = runs_frame(
        {
            ("dense", "dense"): [90.0] * 6,
            ("sr_ste", "1:4(FF)"): SIX,
            ("sr_ste", TARGET): SIX,
            ("mdgf_linear", "1:4(FF)"): [x + 1 for x in SIX],
            ("mdgf_linear", TARGET): [x + 1 for x in SIX],
        }
    )
    rows = [
        row
        for row in TABLES["accuracy"](context(runs)).sections[0].blocks[0].rows
        if not row[0].italic
    ]
    assert [row[1] for row in rows] == [Cell("90.0 ± 0.0")] * 2
    assert all(row[3].bold for row in rows)


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
