"""The paper's numbers: in this project's terms, and each beside the right recipe."""

from dataclasses import replace

import pandas as pd
import pytest
import yaml
from support.grids import two_grids
from support.synthetic import PAPER, SIX, context, run_row, runs_frame

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.published import (
    load_published,
    match_recipes,
    published_differences,
    published_numbers,
    table_of,
)
from pgf.analysis.tables.render import to_markdown
from pgf.experiments.settings import PublishedSettings
from pgf.recipes.patterns import Target


def glue(table: str, metric: str = "score") -> PublishedSettings:
    return PublishedSettings(table=table, model="t5_base", metric=metric, same_setup=True)


def wmt(table: str) -> PublishedSettings:
    return PublishedSettings(
        table=table, model="encdec_wmt", metric="token_accuracy", same_setup=True
    )


ACCURACIES = ("2", "3", "4", "5", "6", "7", "9", "10", "12")
RAW = load_published(PAPER / "tables.csv")
EVERY = [
    PublishedSettings(table=table, model=model, metric=metric)
    for table, model, metric in RAW[["table", "model", "metric"]]
    .drop_duplicates()
    .itertuples(index=False)
    if table in ACCURACIES
]


@pytest.mark.parametrize("settings", EVERY, ids=lambda s: f"{s.table}-{s.metric}")
def test_every_target_is_in_text_form_and_every_cell_has_one_value(settings):
    rows = table_of(RAW, settings)
    rows = rows[rows["metric"] == settings.metric]
    assert all(str(Target.parse(target)) == target for target in rows["target"])
    assert not rows.duplicated(["target", "recipe"]).any()
    assert rows["value"].between(2, 100).all()


@pytest.mark.parametrize("settings", EVERY, ids=lambda s: f"{s.table}-{s.metric}")
def test_every_printed_digit_is_kept(settings):
    rows = table_of(RAW, settings)
    factor = 100 if settings.metric == "token_accuracy" else 1
    before = RAW.loc[rows.index, "printed"]
    for old, new in zip(before, rows["printed"], strict=True):
        assert old.removeprefix("0.").replace(".", "") == new.replace(".", "")
        assert float(new) == pytest.approx(factor * float(old))


def test_a_fraction_is_shown_in_percent_and_said_to_be():
    cells = published_numbers(two_grids(), "words")
    assert cells["1:16(FF)", "sr_ste"].text == "70.9"
    assert cells["1:64(FF)", "sr_ste"].value == pytest.approx(70.7)
    said = to_markdown(TABLES["accuracy"](two_grids()))
    assert said.count("Table 5 prints fractions of 1, here in percent.") == 1


LABELS = ["SR-STE", "SR-STE (dense start)", "SdGf-Geometric", "SR-STE (10K dense steps)"]


@pytest.mark.parametrize(
    ("ours", "paper", "found"),
    [
        (LABELS, ["SR-STE"], {0: ["SR-STE"]}),
        (LABELS[1:], ["SR-STE"], {0: ["SR-STE"]}),
        (LABELS, ["SR-STE (10K dense steps)"], {3: ["SR-STE (10K dense steps)"]}),
        (
            LABELS,
            ["SR-STE (0 dense steps)", "SR-STE (10K dense steps)"],
            {3: ["SR-STE (10K dense steps)"], 0: ["SR-STE (0 dense steps)"]},
        ),
        (
            LABELS[2:3],
            ["SdGf-Geometric (0 dense steps)", "SdGf-Geometric (10K dense steps)"],
            {0: ["SdGf-Geometric (0 dense steps)", "SdGf-Geometric (10K dense steps)"]},
        ),
        (LABELS, ["SNIP"], {}),
    ],
)
def test_the_very_label_goes_before_a_similar_one(ours, paper, found):
    assert match_recipes({str(i): label for i, label in enumerate(ours)}, paper) == {
        str(i): names for i, names in found.items()
    }


def labelled(labels, target="1:32(FF)", **more):
    """Return runs of one column per label."""
    rows = [
        run_row(f"r{i}", target, seed, 80.0 + i, recipe_label=label, **more)
        for i, label in enumerate(labels)
        for seed in range(2)
    ]
    return pd.DataFrame(rows)


def texts_of(labels, *settings, target="1:32(FF)"):
    made = context(labelled(labels, target), baselines=(), published={"toy": settings})
    cells = published_numbers(made, "toy")
    return [
        cells[target, f"r{i}"].text if (target, f"r{i}") in cells else ""
        for i in range(len(labels))
    ]


def test_a_task_is_compared_with_several_tables_the_first_of_most_weight():
    labels = ["SR-STE", "SdGf-Stepwise", "MdGf-Exponential"]
    assert texts_of(labels, glue("4")) == ["79.4", "80.9", ""]
    assert texts_of(labels, glue("4"), glue("7")) == ["79.4", "80.9", "80.9"]


def test_a_column_that_two_published_recipes_resemble_gets_no_number():
    labels = ["SdGf-Geometric", "SdGf-Stepwise"]
    assert texts_of(labels, glue("12", "overall")) == ["", "80.9"]
    assert texts_of(labels, glue("12", "overall"), glue("4")) == ["79.3", "80.9"]


def test_the_very_label_in_a_later_table_goes_before_a_similar_one_in_an_earlier():
    labels = ["SR-STE (0 dense steps)", "SR-STE (10K dense steps)"]
    assert texts_of(labels, glue("4"), glue("12", "overall")) == ["77.1", "79.4"]


@pytest.mark.parametrize(
    ("table", "label", "text"),
    [
        ("9", "MdGf-Linear (dense steps 1.25%)", "71.55"),
        ("9", "SdGf-Stepwise (dense steps 10%)", "71.65"),
        ("10", "MdGf-Linear (fine-tune steps 20%)", "71.61"),
        ("10", "SdGf-Stepwise (fine-tune steps 10%)", "71.60"),
        ("9", "MdGf-Linear", ""),
    ],
)
def test_an_ablation_is_found_by_its_note(table, label, text):
    assert texts_of([label], wmt(table), target="1:16(FF)") == [text]


def test_differences_are_taken_within_one_table():
    labels = ["SR-STE", "SdGf-Stepwise", "MdGf-Exponential"]
    made = context(labelled(labels), baselines=("r0",), published={"toy": (glue("4"), glue("7"))})
    assert published_differences(made, "toy")["1:32(FF)", "r1"] == pytest.approx(80.9 - 79.4)
    assert published_differences(made, "toy")["1:32(FF)", "r2"] == pytest.approx(80.9 - 79.4)


def test_a_table_of_another_measure_does_not_stand_beside_the_metric():
    made = two_grids()
    runs = made.runs.assign(metric=made.runs["metric"].replace("token_accuracy", "bleu"))
    curves = made.curves.assign(name=made.curves["name"].replace("token_accuracy", "bleu"))
    other = replace(made, runs=runs, curves=curves)
    assert published_numbers(made, "words") and not published_numbers(other, "words")
    assert "*70.9*" in to_markdown(TABLES["measures"](other))


def test_remarks_stand_where_a_table_s_numbers_do():
    remarks = yaml.safe_load((PAPER / "remarks.yaml").read_text(encoding="utf-8"))
    assert {"2", "4", "5", "7", "9", "10", "12"} <= set(remarks)
    made = replace(two_grids(), remarks={"5": ("of five",), "4": ("of four",)})
    text = to_markdown(TABLES["accuracy"](made))
    assert "of five" in text and "of four" not in text


def test_a_dense_row_without_a_target_stands_at_every_target():
    runs = runs_frame({("dense", "dense"): SIX, ("sdgf_stepwise", "1:32(FF)"): SIX})
    runs = runs.assign(recipe_label=runs["recipe"].map({"dense": "Dense"}).fillna("SdGf-Stepwise"))
    made = context(runs, baselines=(), published={"toy": (glue("12", "overall"),)})
    rows = TABLES["accuracy"](made).sections[0].blocks[0].rows
    assert [cell.text for cell in rows[1]] == ["paper", "86.2", "80.9"]
