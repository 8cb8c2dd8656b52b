"""Collected runs whose config has changed since are refused, with what has changed."""

from dataclasses import asdict
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.configs import changed, load
from support.jobs import work

from pgf.analysis.staleness import _same, check_settings
from pgf.errors import UserError
from pgf.experiments.experiment import Experiment
from pgf.records.collected import read_collected, write_collected
from pgf.records.collection import collect_runs

SMALL: dict[str, Any] = {"recipe": "mdgf_linear", "preset": "advised", "options": {"zero_at": 0.6}}


def small(folder: Path, *path: str, to: Any = None) -> Experiment:
    """Return an experiment of two runs, with one value put in."""
    values = changed(*path, to=to) if path else changed("name", to="file")
    values["tasks"] = {"digits": values["tasks"]["digits"]}
    values["targets"], values["seeds"] = ["1:4(FF)"], [3]
    values["recipes"] = {k: v for k, v in values["recipes"].items() if k in ("dense", "linear")}
    return load(values, folder)


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The runs of the experiment as a file has them."""
    folder = tmp_path_factory.mktemp("collected")
    made = small(folder)
    work(made.runs(), folder)
    write_collected(collect_runs(made.runs(), folder), folder)
    return read_collected(folder).runs


def test_runs_of_the_config_as_it_is_are_taken(collected: pd.DataFrame, tmp_path: Path) -> None:
    made = small(tmp_path)
    check_settings(made, collected, where="runs.csv")
    assert set(asdict(made.runs()[0].training)) > {"betas", "epsilon", "clip_norm"}


@pytest.mark.parametrize(
    ("path", "to", "words"),
    [
        (("training", "learning_rate"), 0.02, r"training.learning_rate 0.01, now 0.02 \(2 runs\)"),
        (("training", "clip_norm"), None, "training.clip_norm 1.0, now null"),
        (("training", "epsilon"), 1e-6, "training.epsilon nan, now 1e-06"),
        (("training", "betas"), [0.9, 0.98], r"now \[0.9, 0.98\]"),
        (
            ("recipes", "linear"),
            {**SMALL, "options": {"zero_at": 0.7}},
            "zero_at 0.6, now 0.7",
        ),
        (("tasks", "digits", "options"), {"width": 32}, "task.width"),
    ],
)
def test_other_settings_are_refused_by_name(
    path: tuple[str, ...], to: Any, words: str, collected: pd.DataFrame, tmp_path: Path
) -> None:
    if path[0] == "tasks":
        collected = collected.assign(**{"task.width": 64.0})
    with pytest.raises(UserError, match=words):
        check_settings(small(tmp_path, *path, to=to), collected, where="runs.csv")


def test_an_option_that_the_config_has_no_more_is_named(
    collected: pd.DataFrame, tmp_path: Path
) -> None:
    given = collected.assign(**{"task.classes": 10.0, "task.of_another_task": float("nan")})
    with pytest.raises(UserError, match=r"task.classes 10.0, now not given \(2 runs\)"):
        check_settings(small(tmp_path), given, where="runs.csv")


def test_runs_that_nobody_asks_for_are_refused(collected: pd.DataFrame, tmp_path: Path) -> None:
    other = collected.assign(recipe=collected["recipe"].replace("linear", "gone"))
    with pytest.raises(UserError, match="runs that the config does not ask for"):
        check_settings(small(tmp_path), other, where="runs.csv")


def test_checkpoints_change_no_number(collected: pd.DataFrame, tmp_path: Path) -> None:
    made = small(tmp_path, "training", "checkpoint_every", to=7)
    check_settings(made, collected, where="runs.csv")


@given(text=st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1))
@example("2017")
@example("None")
@example("true")
@example("1e3")
def test_a_text_is_the_same_as_what_a_file_has_of_it(text: str) -> None:
    written = pd.DataFrame({"task": ["digits"], "task.option": [text]}).to_csv(index=False)
    (cell,) = pd.read_csv(StringIO(written))["task.option"].tolist()
    assert _same(cell, text)
    assert not _same(cell, text + "x")
