"""GLUE as text to text: T5's phrasing, measures against slow definitions, splits refused."""

import csv
import re
import warnings
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from pgf.errors import UserError
from pgf.tasks.data.glue import GLUE, GlueTask, overall
from pgf.tasks.data.glue_scores import MEASURES, NO_ANSWER, measure

EVERY_TASK = sorted(GLUE)
PRINTED = {"CoLA": "cola", "SST-2": "sst2", "MRPC": "mrpc", "STS-B": "stsb", "QQP": "qqp"} | {
    "MNLI-m": "mnli_m",
    "MNLI-mm": "mnli_mm",
    "QNLI": "qnli",
    "RTE": "rte",
}
ANSWERS = st.sampled_from([0.0, 1.0, NO_ANSWER])
LABELS = st.sampled_from([0.0, 1.0])
SIMILARITIES = st.integers(0, 25).map(lambda i: i / 5)


def row(task: GlueTask, label: Any = 1) -> dict[str, Any]:
    return {column: f"text {i}" for i, column in enumerate(task.texts)} | {"label": label}


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("cola", "cola sentence: text 0", "acceptable"),
        ("sst2", "sst2 sentence: text 0", "positive"),
        ("mrpc", "mrpc sentence1: text 0 sentence2: text 1", "equivalent"),
        ("stsb", "stsb sentence1: text 0 sentence2: text 1", "1.0"),
        ("qqp", "qqp question1: text 0 question2: text 1", "duplicate"),
        ("mnli", "mnli hypothesis: text 0 premise: text 1", "neutral"),
        ("qnli", "qnli question: text 0 sentence: text 1", "not_entailment"),
        ("rte", "rte sentence1: text 0 sentence2: text 1", "not_entailment"),
    ],
)
def test_rows_are_phrased_as_in_t5(name: str, source: str, target: str) -> None:
    assert (GLUE[name].source(row(GLUE[name])), GLUE[name].target(row(GLUE[name]))) == (
        source,
        target,
    )


@pytest.mark.parametrize("name", EVERY_TASK)
def test_the_texts_stand_in_alphabetical_order_as_t5_sorts_them(name: str) -> None:
    assert list(GLUE[name].texts) == sorted(GLUE[name].texts)


@pytest.mark.parametrize("name", EVERY_TASK)
def test_the_value_of_a_target_is_its_label(name: str) -> None:
    task = GLUE[name]
    labels = range(len(task.labels)) if task.labels else [i / 5 for i in range(26)]
    for label in labels:
        assert task.value(task.target(row(task, label))) == task.reference(row(task, label))


@pytest.mark.parametrize("name", EVERY_TASK)
@pytest.mark.parametrize("text", ["", "<unk>", "entail", "acceptable acceptable", "nan", "1e999"])
def test_what_is_no_label_has_no_answer(name: str, text: str) -> None:
    assert GLUE[name].value(text) == NO_ANSWER


@given(st.floats(0, 5, width=32))
def test_similarities_are_rounded_to_the_nearest_fifth(label: float) -> None:
    text = GLUE["stsb"].target({"label": label})
    assert re.fullmatch(r"[0-5]\.[02468]", text)
    assert abs(float(text) - label) <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (3.799999952316284, "3.8"),
        (3.700000047683716, "3.6"),
        (2.5, "2.4"),
        (1.5, "1.6"),
        (0, "0.0"),
    ],
)
def test_halves_are_rounded_as_in_single_precision(label: float, text: str) -> None:
    assert GLUE["stsb"].target({"label": label}) == text


@pytest.mark.parametrize(("text", "value"), [(" 3.4 ", 3.4), ("17", 5.0), ("-2", 0.0), ("5", 5.0)])
def test_numbers_off_the_scale_are_its_ends(text: str, value: float) -> None:
    assert GLUE["stsb"].value(text) == value


def test_the_measures_are_the_papers_columns() -> None:
    names = [name for t in GLUE.values() for split in t.splits for name in scored(t, split)]
    assert names[:3] == ["cola_matthews", "sst2_accuracy", "mrpc_f1"]
    assert {"qqp_f1", "mnli_m_accuracy", "mnli_mm_accuracy", "stsb_spearman"} < set(names)
    assert len(names) == 12
    assert {name.rsplit("_", 1)[0] for name in names} == set(PRINTED.values())


def scored(task: GlueTask, split: str) -> dict[str, float]:
    return task.scores([0.0, 1.0, 1.0], [0.0, 1.0, 0.0], split=split)


def test_a_part_of_the_training_split_counts_as_matched() -> None:
    assert list(scored(GLUE["mnli"], "holdout")) == ["mnli_m_accuracy"]
    assert list(scored(GLUE["mnli"], "validation_mismatched")) == ["mnli_mm_accuracy"]


def published() -> dict[tuple[str, str], dict[str, tuple[str, str]]]:
    """Return value and note of Table 12's cells, by recipe and target, then by column."""
    rows: dict[tuple[str, str], dict[str, tuple[str, str]]] = defaultdict(dict)
    with (ROOT / "configs" / "paper" / "tables.csv").open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["table"] == "12":
                cell = (line["value"], line["note"])
                rows[line["recipe"], line["target"]][line["metric"]] = cell
    return rows


def as_scores(cells: dict[str, tuple[str, str]]) -> dict[str, float]:
    """Return the cells under the names of measures, pairs as their two numbers."""
    scores: dict[str, float] = {}
    for task in GLUE.values():
        for prefix in task.splits.values():
            value, note = cells[next(p for p, own in PRINTED.items() if own == prefix)]
            numbers = re.match(r"([\d.]+)/([\d.]+)", note)
            values = [float(v) for v in numbers.groups()] if numbers else [float(value)]
            names = [f"{prefix}_{name}" for name in task.measures]
            scores |= dict(zip(names, values, strict=True))
    return scores


def test_every_published_overall_score_is_the_mean_of_nine_columns() -> None:
    rows = published()
    assert len(rows) == 26 and all(len(cells) == 10 for cells in rows.values())
    for cells in rows.values():
        # Half of the last place in the score, and up to as much again in the mean of its columns.
        assert overall(as_scores(cells)) == pytest.approx(float(cells["overall"][0]), abs=0.065)


def test_the_mean_is_over_the_columns_that_are_there() -> None:
    scores = {"mrpc_f1": 90.0, "mrpc_accuracy": 80.0, "mnli_m_accuracy": 50.0, "rte_accuracy": 45.0}
    assert overall(scores | {"evaluation_loss": 7.0}) == pytest.approx((85 + 50 + 45) / 3)


@pytest.mark.parametrize("scores", [{}, {"loss": 1.0}, {"rte_accuracy": 50.0, "mrpc_f1": 90.0}])
def test_no_column_or_half_a_pair_has_no_overall_score(scores: dict[str, float]) -> None:
    with pytest.raises(UserError, match="overall"):
        overall(scores)


def slow(name: str, predictions: list[float], references: list[float]) -> float:
    """Return a measure by sklearn or scipy, nan and warnings as theirs."""
    from scipy import stats
    from sklearn import metrics

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "accuracy":
            return 100 * metrics.accuracy_score(references, predictions)
        if name == "f1":  # what T5 does: an answer that is none becomes the wrong one
            own = [1 - r if p < 0 else p for p, r in zip(predictions, references, strict=True)]
            return 100 * metrics.f1_score(references, own, zero_division=0.0)
        if name == "matthews":
            return 100 * metrics.matthews_corrcoef(references, predictions)
        function = stats.pearsonr if name == "pearson" else stats.spearmanr
        return 100 * float(function(references, predictions)[0])


@pytest.mark.parametrize("name", ["accuracy", "f1", "matthews"])
@given(data=st.lists(st.tuples(ANSWERS, LABELS), min_size=1, max_size=12))
def test_measures_of_labels_are_those_of_sklearn(
    name: str, data: list[tuple[float, float]]
) -> None:
    predictions, references = ([pair[i] for pair in data] for i in (0, 1))
    expected = slow(name, predictions, references)
    assert measure(name, predictions, references) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", ["pearson", "spearman"])
@given(
    data=st.lists(st.tuples(st.one_of(SIMILARITIES, st.just(NO_ANSWER)), SIMILARITIES), min_size=2)
)
def test_measures_of_numbers_are_those_of_scipy(name: str, data: list[tuple[float, float]]) -> None:
    predictions, references = ([pair[i] for pair in data] for i in (0, 1))
    found = measure(name, predictions, references)
    if len(set(predictions)) == 1 or len(set(references)) == 1:
        assert found == 0
    else:
        assert found == pytest.approx(slow(name, predictions, references), abs=1e-9)


@pytest.mark.parametrize("name", sorted(set(MEASURES) - {"accuracy", "f1"}))
@pytest.mark.parametrize("constant", [0.0, 1.0, NO_ANSWER])
def test_constant_answers_have_no_correlation(name: str, constant: float) -> None:
    assert measure(name, [constant] * 4, [0.0, 1.0, 1.0, 0.0]) == 0
    assert measure(name, [0.0, 1.0, 1.0, 0.0], [1.0] * 4) == 0


@pytest.mark.parametrize("name", EVERY_TASK)
def test_without_any_valid_answer_every_score_is_zero(name: str) -> None:
    scores = GLUE[name].scores([NO_ANSWER] * 4, [0.0, 1.0, 1.0, 0.0])
    assert set(scores.values()) == {0.0}


@pytest.mark.parametrize("name", EVERY_TASK)
def test_the_right_answers_have_the_whole_score(name: str) -> None:
    scores = GLUE[name].scores([0.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0])
    assert all(value == pytest.approx(100) for value in scores.values())


def test_numbers_too_near_to_tell_apart_are_constant() -> None:
    assert measure("pearson", [0.0, 1e-200, 0.0], [0.0, 5.0, 1.0]) == 0


@pytest.mark.parametrize(("predictions", "references"), [([], []), ([1.0], [1.0, 0.0])])
def test_there_must_be_something_to_compare(
    predictions: list[float], references: list[float]
) -> None:
    with pytest.raises(ValueError, match="predictions for"):
        measure("accuracy", predictions, references)
