"""Text data sets as the hub has them, in folders: splits, languages, lengths, GLUE's parts."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.texts import (
    SMALL,
    glue,
    languages,
    mnli,
    sentences,
    translated,
    translations,
    write_parquet,
)

from pgf.errors import UserError
from pgf.tasks import TASKS
from pgf.tasks.data.streams import Splits
from pgf.tasks.data.texts import IGNORED, PADDING, TextData
from pgf.tasks.glue import Glue
from pgf.tasks.sequences import SequenceTask

DATA = os.environ.get("PGF_DATA", "")


def lengths(splits: Splits) -> tuple[int, int]:
    longest = []
    for data in (splits.train, splits.test):
        for batch in data.in_order(7):
            longest.append(max(part.shape[1] for part in batch))
            for part, filling in zip(batch, (PADDING, IGNORED), strict=True):
                assert all(row[row != filling][-1] == 1 for row in part)  # the end mark
    return max(longest), splits.left_out


def task_of(kind: str, **options: Any) -> SequenceTask:
    return TASKS[kind](**{**SMALL, **options})  # type: ignore[return-value]


def texts_of(data: Any) -> list[tuple[str, str]]:
    assert isinstance(data, TextData)
    return list(zip(data.sources.to_pylist(), data.targets.to_pylist(), strict=True))


def pairs(count: int, first: int = 0) -> list[tuple[str, str]]:
    return [(row["en"], row["de"]) for row in translated(sentences(count, first))]


@pytest.mark.parametrize("layout", [translations, languages])
@pytest.mark.parametrize(("split", "place"), [("test", (8, 200)), ("validation", (7, 100))])
def test_both_layouts_of_pairs_are_read(
    layout: Any, split: Any, place: tuple[int, int], tmp_path: Path
) -> None:
    path = write_parquet(tmp_path / "pairs", layout())
    splits = task_of("translation", path=str(path), evaluate_on=split).load()
    assert texts_of(splits.train) == pairs(40) and texts_of(splits.test) == pairs(*place)
    assert (splits.test_name, dict(splits.sections)) == (split, {split: place[0]})


def test_languages_can_be_turned_round(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "pairs", translations())
    splits = task_of("translation", path=str(path), source="de", target="en").load()
    assert texts_of(splits.train) == [(de, en) for en, de in pairs(40)]


def test_the_first_training_pairs_can_be_taken_alone(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "pairs", translations())
    assert texts_of(task_of("translation", path=str(path), train_pairs=9).load().train) == pairs(9)


def wmt(root: Path) -> Path:
    """Write the training data of one data set and the test split of another."""
    both = translations()
    later = {"translation": translated(sentences(5, 300))}
    write_parquet(root / "wmt17", {name: both[name] for name in ("train", "validation")})
    write_parquet(root / "wmt14", {"test": later, "train": both["validation"]})
    return root


@pytest.mark.parametrize("way", ["options", "variable"])
def test_the_test_split_is_another_data_sets(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = wmt(tmp_path)
    options: dict[str, Any] = {"path": str(root / "wmt17"), "test_path": str(root / "wmt14")}
    if way == "variable":
        monkeypatch.setenv("PGF_DATA", str(root))
        options = {}
    tested = task_of("wmt17_encdec", **options).load()
    chosen = task_of("wmt17_encdec", **options, evaluate_on="validation").load()
    assert texts_of(tested.train) == texts_of(chosen.train) == pairs(40)
    assert texts_of(tested.test) == pairs(5, 300) and texts_of(chosen.test) == pairs(7, 100)
    assert tested.fingerprint != chosen.fingerprint


def test_folders_below_the_data_folder_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(tmp_path / "multi30k", languages())
    write_parquet(tmp_path / "glue" / "sst2", glue())
    write_parquet(tmp_path / "glue" / "cola", glue())
    write_parquet(tmp_path / "glue" / "rte", glue("sentence1", "sentence2"))
    monkeypatch.setenv("PGF_DATA", str(tmp_path))
    assert texts_of(task_of("multi30k_encdec").load().test) == pairs(8, 200)
    for kind, label in (("sst2_t5_small", "negative"), ("cola_t5_small", "unacceptable")):
        first = texts_of(task_of(kind).load().train)[0]
        assert first == (f"{kind[:4]} sentence: {sentences(1)[0]}e", label)
    rte = texts_of(task_of("glue_t5", parts=("rte",)).load().test)
    assert rte[0][0] == "rte sentence1: {0}1 sentence2: {0}2".format(*sentences(1, 100))


@pytest.mark.parametrize("kind", ["number_words_encdec"])
def test_generated_validation_is_not_the_test_split(kind: str) -> None:
    one, other = (
        task_of(kind, vocabulary=233, evaluate_on=n).load() for n in ("test", "validation")
    )
    assert texts_of(one.train) == texts_of(other.train)
    assert not {s for s, _ in texts_of(one.test)} & {s for s, _ in texts_of(other.test)}


def test_a_holdout_is_a_part_of_the_training_split(tmp_path: Path) -> None:
    write_parquet(tmp_path / "cola", glue(count=40))
    options = {"path": str(tmp_path), "evaluate_on_holdout": True, "holdout": 0.2}
    one, again = (task_of("cola_t5_small", **options).load() for _ in range(2))
    train, held = texts_of(one.train), texts_of(one.test)
    assert (len(train), len(held)) == (32, 8) and one.test_name == "cola holdout"
    whole = texts_of(task_of("cola_t5_small", path=str(tmp_path)).load().train)
    assert sorted(train + held) == sorted(whole) and held != whole[:8]
    assert texts_of(again.test) == held and again.fingerprint == one.fingerprint
    (tmp_path / "cola" / "validation-00000-of-00001.parquet").unlink()  # is not looked at
    assert task_of("cola_t5_small", **options).load().fingerprint == one.fingerprint


def two_tasks(root: Path) -> Glue:
    write_parquet(root / "glue" / "cola", glue())
    write_parquet(root / "glue" / "mnli", mnli())
    task = task_of("glue_t5", path=str(root / "glue"), parts=("cola", "mnli"))
    assert isinstance(task, Glue)
    return task


def test_a_mixture_is_trained_together_and_evaluated_by_part(tmp_path: Path) -> None:
    task = two_tasks(tmp_path)
    splits = task.load()
    assert len(splits.train) == 70
    assert dict(splits.sections) == {
        "cola validation": 9,
        "mnli validation_matched": 5,
        "mnli validation_mismatched": 6,
    }
    sources = [source.split()[0] for source, _ in texts_of(splits.test)]
    assert sources == ["cola"] * 9 + ["mnli"] * 11


def test_scores_are_those_of_each_part_by_its_name(tmp_path: Path) -> None:
    task = two_tasks(tmp_path)
    splits = task.load()
    right = [target for _, target in texts_of(splits.test)]
    names = ["cola_matthews", "mnli_m_accuracy", "mnli_mm_accuracy"]
    assert task.scores(right, splits.sections) == dict.fromkeys(names, 100.0)
    for name, places in zip(names[1:], (range(9, 14), range(14, 20)), strict=True):
        wrong = ["contradiction" if i in places else text for i, text in enumerate(right)]
        assert task.scores(wrong, splits.sections) == {**dict.fromkeys(names, 100.0), name: 0.0}


def test_other_texts_are_other_data(tmp_path: Path) -> None:
    columns = [["ab", "c", "x"], ["a", "bc", "x"], ["ab", "x", "c"], ["ab", "c", "y"]]
    prints = set()
    for i, column in enumerate([*columns, columns[0]]):
        train = {"en": ["abcxy", *column], "de": ["a"] * 4}
        parts = {"train": train, "test": {"en": ["a"], "de": ["b"]}}
        path = write_parquet(tmp_path / str(i), parts)
        # One tokenizer for all of them, so that it is the texts that tell them apart.
        prints.add(task_of("translation", path=str(path), tokenizer_pairs=1).load().fingerprint)
    assert len(prints) == len(columns)


@pytest.mark.parametrize("spare", [2, 1, 0, -1])
def test_what_is_all_unknown_has_a_token_for_every_character(spare: int, tmp_path: Path) -> None:
    parts = translations()
    parts["train"]["translation"][39]["en"] = "\u03a9" * (60 - spare)  # the first ones are known
    task = task_of("translation", path=str(write_parquet(tmp_path, parts)), max_length=60)
    task = replace(task, tokenizer_pairs=2)
    if spare == 2:  # for a first space and the end mark
        assert lengths(task.load())[0] == 60
    else:
        with pytest.raises(UserError, match=r"1 of 40 pairs of train are longer.*number 39"):
            task.load()


def test_a_tokenizer_is_trained_on_as_many_pairs_as_it_says(tmp_path: Path) -> None:
    rows = [{"en": chr(0x400 + i), "de": "same"} for i in range(50)]
    parts = {"train": {"translation": rows}, "test": {"translation": rows}}
    path = str(write_parquet(tmp_path / "pairs", parts))
    known = task_of("translation", path=path, tokenizer_pairs=30).codec.tokenizer.get_vocab()
    letters = [i for i in range(50) if chr(0x400 + i) in known]
    assert len(letters) == 30 and set(np.diff(letters)) == {1, 2} and letters[0] == 0


@pytest.mark.data
@pytest.mark.parametrize(
    ("kind", "train", "test"),
    [
        ("multi30k_encdec", 29_000, 1_000),
        ("sst2_t5_small", 67_349, 872),
        ("cola_t5_small", 8_551, 1_043),
    ],
)
def test_the_real_files_are_read(
    kind: str, train: int, test: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = {"multi30k_encdec": "multi30k"}.get(kind, f"glue/{kind[:4]}")
    if not DATA or not (Path(DATA) / name).is_dir():
        pytest.skip(f"PGF_DATA names no folder that holds {name}")
    monkeypatch.setenv("PGF_DATA", DATA)
    splits = TASKS[kind]().load()
    assert (len(splits.train), len(splits.test), splits.left_out) == (train, test, 0)
    batch = next(splits.train.stream(batch_size=32, seed=1))
    assert len(batch[0]) == len(batch[1]) == 32


@pytest.mark.parametrize("blank", [None, "", " \t\u00a0"])
def test_pairs_without_a_text_are_left_out_of_training_and_counted(
    blank: str | None, tmp_path: Path
) -> None:
    rows = translated(sentences(20))
    rows[3]["de"], rows[7]["en"], rows[7]["de"] = blank, blank, blank
    parts = {**translations(), "train": {"translation": rows}}
    splits = task_of("translation", path=str(write_parquet(tmp_path, parts))).load()
    assert (len(splits.train), splits.left_out) == (18, 2)
