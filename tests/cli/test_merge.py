"""Runs of other checkouts: pooled where they are the same runs, else apart, never in one mean."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from support import ROOT

from pgf.__main__ import main
from pgf.analysis.origins import ORIGIN, OURS
from pgf.records.collected import Collected, read_collected, write_collected

NAME = "laptop"
OWN = f"results/{NAME}"
CURVES = {"loss", "training_flops", "pattern_density"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def small() -> Collected:
    """The committed runs of one task, with few of their curves."""
    found = read_collected(ROOT / "results/committed" / NAME)
    curves = found.curves[found.curves["name"].isin(CURVES)]
    one = (curves["task"] == "digits_vit") & (curves["step"] % 50 == 0)
    runs = found.runs[found.runs["task"] == "digits_vit"]
    return Collected(runs.reset_index(drop=True), curves[one].reset_index(drop=True))


@pytest.fixture
def folder(tmp_path: Path, small: Collected, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with its runs."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    write_collected(small, tmp_path / OWN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def other(small: Collected, folder: Path, *, seeds: int = 100, **columns: object) -> Path:
    """Write the runs of another checkout: other seeds, and changed columns."""
    runs = small.runs.assign(seed=small.runs["seed"] + seeds, **columns)
    write_collected(Collected(runs, small.curves.assign(seed=small.curves["seed"] + seeds)), folder)
    return folder


def merged(folder: Path) -> pd.DataFrame:
    return read_collected(folder / "results/merged" / NAME).runs


def means(runs: pd.DataFrame) -> pd.Series:
    return runs.groupby(["task", "recipe", "target"])["final_loss"].mean()


def test_the_same_runs_with_other_seeds_are_pooled(folder, small, capsys) -> None:
    theirs = small.runs["final_loss"] + 0.5
    lab = other(small, folder / "lab", final_loss=theirs)
    assert main(["merge", NAME, str(lab)]) == 0
    said = capsys.readouterr().out
    assert f"lab: {len(small.runs)} runs pooled" in said
    runs = merged(folder)
    assert runs[ORIGIN].value_counts().to_dict() == {OURS: len(small.runs), "lab": len(small.runs)}
    pd.testing.assert_series_equal(means(runs), means(small.runs) + 0.25)
    page = (folder / "results/merged" / NAME / "index.html").read_text(encoding="utf-8")
    assert "lab: 78 runs pooled" in page and "by seed: <span" in page and "105: " in page


def test_runs_that_both_have_count_once(folder, small, capsys) -> None:
    again = small.runs["final_loss"].where(small.runs["seed"] != 0, 9.0)
    assert main(["merge", NAME, str(other(small, folder / "lab", seeds=0, final_loss=again))]) == 0
    count, seeds = len(small.runs), small.runs["seed"].nunique()
    equal = count - count // seeds
    said = capsys.readouterr().out
    assert f"lab: 0 runs pooled; {count} are ours too, {equal} of them with the same loss" in said
    pd.testing.assert_series_equal(means(merged(folder)), means(small.runs))


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("code", "0ther", "numeric code 0ther, and "),
        ("data", "0ther", "data of digits_vit 0ther, and "),
        ("torch", "0.1", "torch 0.1, and "),
        ("recipe.kind", "mine.py:Mine", "mine.py:Mine may be another file there"),
        ("training.learning_rate", 0.123, "training.learning_rate 0.123, now "),
        ("recipe_label", HOSTILE, ""),
    ],
)
def test_other_runs_stand_apart(folder, small, capsys, column, value, reason) -> None:
    changed = {column: value} | ({"code": "0ther"} if not reason else {})
    assert main(["merge", NAME, f"lab={other(small, folder / 'other', **changed)}"]) == 0
    said = capsys.readouterr().out
    assert "lab: apart, because " in said and reason in said
    pd.testing.assert_series_equal(means(merged(folder)), means(small.runs))
    page = (folder / "results/merged" / NAME / "index.html").read_text(encoding="utf-8")
    assert '<td class="text">lab</td>' in page and '<td class="text">here</td>' in page
    assert HOSTILE not in page
    assert (folder / "results/merged" / NAME / "apart/lab/tables/accuracy.md").exists()


def test_runs_that_are_cut_short_are_pooled_and_named_as_missing(folder, small, capsys) -> None:
    short = small.runs[small.runs["recipe"] != "sr_ste"]
    write_collected(Collected(short.assign(seed=short["seed"] + 100), small.curves), folder / "lab")
    assert main(["merge", NAME, "lab"]) == 0
    assert f"lab: {len(short)} runs pooled" in capsys.readouterr().out
    own = merged(folder)
    assert own[own["recipe"] == "sr_ste"]["seed"].max() < 100


def test_a_file_that_is_cut_short_is_refused(folder, small, capsys) -> None:
    lab = other(small, folder / "lab")
    text = (lab / "runs.csv").read_text()
    (lab / "runs.csv").write_text(text[: len(text) // 2])
    assert main(["merge", NAME, "lab"]) == 2
    assert "lab/runs.csv is not what was collected" in capsys.readouterr().err
    assert not (folder / "results/merged").exists()


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ([], "the following arguments are required: [NAME=]DIR_OR_URL"),
        (["nowhere"], "nowhere: no runs.csv is there"),
        (["http://example.org/x"], "an address must begin with https://"),
        (["ftp=https://127.0.0.1:9/x"], "cannot be had"),
        (["here=lab"], "the name 'here' is taken"),
        (["a=lab", "a=lab"], "the name 'a' is taken"),
        (["../..=lab"], "name the source with letters and digits"),
        (["<b>=lab"], "name the source with letters and digits"),
    ],
)
def test_bad_sources_are_refused_in_a_sentence(folder, small, capsys, sources, said) -> None:
    other(small, folder / "lab")
    assert main(["merge", NAME, *sources]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_records_of_another_schema_are_refused(folder, small, capsys) -> None:
    assert main(["merge", NAME, str(other(small, folder / "lab", schema=1))]) == 2
    assert "lab: its records are of schema 1" in capsys.readouterr().err


def test_sources_of_other_data_than_each_other_are_not_pooled(folder, small, capsys) -> None:
    """Ours have no run of the task: the first source decides."""
    ours = read_collected(ROOT / "results/committed" / NAME)
    spelled = ours.runs[ours.runs["task"] != "digits_vit"]
    write_collected(Collected(spelled.reset_index(drop=True), small.curves), folder / OWN)
    labs = [other(small, folder / "one"), other(small, folder / "two", seeds=200, data="0ther")]
    assert main(["merge", NAME, *map(str, labs)]) == 0
    said = capsys.readouterr().out
    assert "one: 78 runs pooled" in said and "two: apart, because data of digits_vit 0ther" in said


@pytest.mark.parametrize("column", ["final_loss", "code", "schema", "recipe_label"])
def test_a_source_without_a_column_is_refused(folder, small, capsys, column) -> None:
    found = Collected(small.runs.drop(columns=column), small.curves)
    write_collected(found, folder / "lab")
    assert main(["merge", NAME, "lab"]) == 2
    assert f"lab: its runs.csv lacks the columns {column}" in capsys.readouterr().err
