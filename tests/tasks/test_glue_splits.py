"""GLUE's splits as rows and as columns: what is taken and what is refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_glue import EVERY_TASK, row

from pgf.errors import UserError
from pgf.tasks.data.glue import GLUE, check_split, find_glue_task

DATA = os.environ.get("PGF_DATA", "")


@pytest.mark.parametrize("name", EVERY_TASK)
def test_a_whole_split_is_taken_as_rows_and_as_columns(name: str) -> None:
    rows = [row(GLUE[name], label) for label in (0, 1, 0)]
    rows[0][GLUE[name].texts[0]] = ""
    check_split(GLUE[name], rows, "here")
    check_split(GLUE[name], {k: [r[k] for r in rows] for k in rows[0]}, "here")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("rte", [], "here: a split without a row"),
        ("rte", {}, "here: a split without a row"),
        ("rte", {"sentence1": [], "sentence2": [], "label": []}, "without a row"),
        ("qnli", [row(GLUE["rte"])], r"no column 'question'; qnli needs question, sentence, label"),
        ("rte", [row(GLUE["sst2"])], r"no column 'sentence1'.*there is sentence, label"),
        ("cola", [row(GLUE["cola"]), row(GLUE["cola"], -1)], r"row 1: label -1; cola has 0 \(una"),
        ("mnli", [row(GLUE["mnli"], 3)], r"label 3;.*2 \(contradiction\).*validation_mismatched"),
        ("cola", [row(GLUE["cola"], 1.0)], r"row 0: label 1\.0"),
        ("cola", [row(GLUE["cola"], None)], r"row 0: label None"),
        ("cola", [row(GLUE["cola"], True)], r"row 0: label True"),
        ("stsb", [row(GLUE["stsb"], -1.0)], r"label -1\.0; stsb has a number from 0 to 5; -1 "),
        ("stsb", [row(GLUE["stsb"], float("nan"))], r"label nan"),
        ("stsb", [row(GLUE["stsb"], "3.4")], r"label '3\.4'"),
        ("sst2", [{"sentence": None, "label": 0}], r"row 0: 'sentence' must be a text; it is None"),
    ],
)
def test_a_split_that_is_none_of_the_tasks_is_refused(name: str, data: Any, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        check_split(GLUE[name], data, "here")
    assert "\n" not in str(caught.value)


def test_labels_of_numpy_are_labels() -> None:
    check_split(GLUE["cola"], {"sentence": ["a", "b"], "label": np.array([0, 1])}, "here")
    check_split(GLUE["stsb"], [row(GLUE["stsb"], np.float32(3.8))], "here")


def test_a_task_is_found_by_its_name() -> None:
    assert find_glue_task("rte") is GLUE["rte"]
    with pytest.raises(UserError, match="did you mean 'mrpc'"):
        find_glue_task("mrcp")


@pytest.mark.data
def test_real_splits_are_taken() -> None:
    names = [(n, s) for n in EVERY_TASK for s in ("train", "validation")]
    paths = {(n, s): Path(DATA, "glue", n, f"{s}.parquet") for n, s in names}
    found = {key: path for key, path in paths.items() if DATA and path.exists()}
    if not found:
        pytest.skip("PGF_DATA names no folder that holds a task of GLUE")
    from pyarrow import parquet

    for (name, split), path in found.items():
        task, table = GLUE[name], parquet.read_table(path)
        check_split(task, table.to_pydict(), f"{name} {split}")
        answers = [task.value(task.target(r)) for r in table.to_pylist()]
        scores = task.scores(answers, table.to_pydict()["label"])
        assert all(value == pytest.approx(100) for value in scores.values())
