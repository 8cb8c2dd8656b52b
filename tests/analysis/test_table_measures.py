"""The table of measures, cell by cell and against a slow definition."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.grids import two_grids
from support.synthetic import context, grid, measures, run_row

from pgf.analysis.statistics import mean_interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.measurements import columns_of
from pgf.analysis.tables.render import to_markdown
from pgf.experiments.settings import PublishedSettings

GLUE = (
    *("overall", "cola_matthews", "sst2_accuracy", "mrpc_f1", "mrpc_accuracy", "stsb_pearson"),
    *("stsb_spearman", "qqp_f1", "qqp_accuracy", "mnli_m_accuracy", "mnli_mm_accuracy"),
    *("qnli_accuracy", "rte_accuracy"),
)
LABELS = {
    "dense": "Dense",
    "sr_ste": "SR-STE (0 dense steps)",
    "sdgf_stepwise": "SdGf-Stepwise",
    "sdgf_geometric": "SdGf-Geometric",
}
TWELVE = PublishedSettings(table="12", model="t5_base", metric="overall", same_setup=True)


def glue_runs() -> pd.DataFrame:
    """Return runs with a number of its own for every recipe, seed and measure."""
    rows = []
    for i, recipe in enumerate(LABELS):
        target = "dense" if recipe == "dense" else "1:4(FF)"
        for seed in range(3):
            values = {name: 50.0 + 7 * i + seed + k for k, name in enumerate(GLUE)}
            row = run_row(recipe, target, seed, values["overall"], recipe_label=LABELS[recipe])
            row = {key: v for key, v in row.items() if ".accuracy" not in key}
            rows.append(row | {"metric": "overall", **measures(values)})
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def glue():
    return context(glue_runs(), published={"toy": (TWELVE,)})


@pytest.fixture(scope="module")
def blocks(glue):
    return TABLES["measures"](glue).sections[0].blocks


def rows_of(block):
    """Return heading of recipe -> texts by column."""
    return {
        row[1].text: dict(zip(block.header, (cell.text for cell in row), strict=True))
        for row in block.rows
    }


def test_columns_are_laid_out_as_table_12(blocks):
    names = ("overall", "CoLA", "SST-2", "MRPC", "STS-B", "QQP", "MNLI-m", "MNLI-mm", "QNLI", "RTE")
    assert [block.header for block in blocks] == [("target", "recipe", *names)] * 2


@pytest.mark.parametrize(
    ("names", "headings"),
    [
        (("accuracy", "accuracy_top5"), ["accuracy", "top-5 accuracy"]),
        (("bleu", "token_accuracy", "exact_match"), ["BLEU", "token accuracy", "exact match"]),
        (("x_a", "x_b", "x_c"), ["x a", "x b", "x c"]),
        (("my_task_f1", "other", "my_task_accuracy"), ["my task", "other"]),
    ],
)
def test_two_measures_of_one_prefix_are_a_column_and_no_others(names, headings):
    columns = columns_of(names)
    assert [column.heading for column in columns] == headings
    assert sorted(m for column in columns for m in column.measures) == sorted(names)


def test_dense_stands_first_and_once(blocks):
    for block in blocks:
        assert [row[1].text for row in block.rows].count("Dense") == 1
        assert block.rows[0][1].text == "Dense" and block.rows[0][0].text == ""
    assert [row[0].text for row in blocks[0].rows].count("1:4 (FF)") == 1


def test_a_pair_is_printed_with_its_mean_in_brackets(blocks):
    # Seeds 0, 1, 2: the half-width is 4.30265 x 1 / sqrt(3) = 2.48.
    last, best = (rows_of(block)["Dense"] for block in blocks)
    assert last["MRPC"] == "54.0/55.0 (54.5 ± 2.5)" and last["overall"] == "51.0 ± 2.5"
    assert best["MRPC"] == "54.5/55.5 (55.0 ± 2.5)"


def test_the_csv_is_what_a_slow_definition_gives(glue):
    data = TABLES["measures"](glue).data
    ours = data[data["view"] != "paper"]
    assert len(ours) == 2 * len(LABELS) * (len(GLUE) + 3)
    prefix = {"last": "final.", "best": "best."}
    for line in ours.to_dict("records"):
        rows = glue.runs[(glue.runs["recipe"] == line["recipe"])]
        names = [m for m in GLUE if m == line["measure"] or m.rpartition("_")[0] == line["measure"]]
        values = [np.mean([r[prefix[line["view"]] + m] for m in names]) for _, r in rows.iterrows()]
        expected = mean_interval(values, confidence=0.95)
        assert (line["mean"], line["low"]) == pytest.approx((expected.estimate, expected.low))
        assert line["n"] == 3


def test_the_paper_s_rows_stand_below_ours_with_its_pairs(blocks):
    block = blocks[0]
    texts = [row[1].text for row in block.rows]
    assert texts == [
        *("Dense", "paper", "SR-STE (0 dense steps)", "paper"),
        *("SdGf-Stepwise", "paper: SdGf-Stepwise (10K dense steps)", "SdGf-Geometric"),
        *(f"paper: SdGf-Geometric ({n} dense steps)" for n in ("0", "10K")),
    ]
    italic = [row for row in block.rows if row[1].italic]
    assert all(cell.italic for row in italic for cell in row[1:])
    dense = dict(zip(block.header, (cell.text for cell in block.rows[1]), strict=True))
    assert dense["MRPC"] == "92.4/89.2 (90.8)" and dense["MNLI-mm"] == "87"
    sr_ste = dict(zip(block.header, (cell.text for cell in block.rows[3]), strict=True))
    assert sr_ste["CoLA"] == "41.8" and sr_ste["overall"] == "83.1"


def test_the_paper_s_numbers_are_rows_of_the_csv(glue):
    data = TABLES["measures"](glue).data
    paper = data[data["view"] == "paper"].set_index(["target", "recipe", "measure"])["mean"]
    assert paper["1:4(FF)", "SR-STE (0 dense steps)", "mrpc"] == 91.4
    assert paper["dense", "Dense", "overall"] == 86.2


def test_headings_are_explained(glue):
    notes = TABLES["measures"](glue).sections[0].notes
    assert "CoLA is Matthews correlation" in notes[0] and "QQP is F1/accuracy" in notes[0]


def test_signatures_become_notes():
    words = TABLES["measures"](two_grids()).sections[1]
    assert "BLEU: tok:13a|version:2." in words.notes


def test_a_task_with_one_measure_says_so_and_has_no_block():
    made = context(grid().drop(columns=["final.accuracy_top5", "best.accuracy_top5"]))
    section = TABLES["measures"](made).sections[0]
    assert section.blocks == () and "one measure alone: accuracy" in section.caption


def test_a_run_without_one_of_the_measures_counts_for_the_others():
    runs = glue_runs()
    runs.loc[runs["recipe"] == "sr_ste", "final.cola_matthews"] = np.nan
    runs.loc[runs.index[-1], "final.mrpc_f1"] = np.nan
    block = TABLES["measures"](context(runs)).sections[0].blocks[0]
    assert rows_of(block)["SR-STE (0 dense steps)"]["CoLA"] == "-"
    assert rows_of(block)["SdGf-Geometric"]["MRPC"].endswith("(n=2)")
    assert "(n=" not in rows_of(block)["SdGf-Geometric"]["STS-B"]


def test_records_without_best_measures_give_that_block_no_number():
    runs = glue_runs()
    made = context(runs[[c for c in runs.columns if not c.startswith("best.")]])
    last, best = TABLES["measures"](made).sections[0].blocks
    assert rows_of(last)["Dense"]["CoLA"] != "-" == rows_of(best)["Dense"]["CoLA"]


def test_diverged_runs_mark_their_row():
    runs = glue_runs()
    gone = runs.index[runs["recipe"] == "sr_ste"][0]
    runs.loc[gone, ["status", "final", "best"]] = ["diverged", np.nan, np.nan]
    block = TABLES["measures"](context(runs)).sections[0].blocks[0]
    assert "SR-STE (0 dense steps) †1" in rows_of(block)
    assert rows_of(block)["SR-STE (0 dense steps) †1"]["overall"].endswith("(n=2)")


def test_without_published_numbers_no_row_is_the_paper_s(glue):
    made = replace(glue, published=glue.published.iloc[:0])
    assert "*paper" not in to_markdown(TABLES["measures"](made))


def test_the_direction_is_each_measures_own_and_an_error_has_no_best_evaluation():
    runs = glue_runs()
    names = {"cola_matthews": "phoneme_error_rate", "sst2_accuracy": "perplexity"}
    views = ("final", "best")
    ends = {f"{view}.{old}": f"{view}.{new}" for view in views for old, new in names.items()}
    rising = TABLES["measures"](context(runs)).sections[0]
    assert rising.caption.startswith("Higher is better: ") and len(rising.blocks) == 2
    mixed = TABLES["measures"](context(runs.rename(columns=ends)))
    (section,) = mixed.sections
    words = "Lower is better of phoneme error rate, perplexity, higher of the others: "
    assert section.caption.startswith(words)
    assert len(section.blocks) == 1 and set(mixed.data["view"]) == {"last"}
    whole = context(runs.assign(higher_is_better=False))
    assert "Lower is better of overall, higher" in TABLES["measures"](whole).sections[0].caption
