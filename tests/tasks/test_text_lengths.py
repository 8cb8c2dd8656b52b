"""Pairs of texts that are too long: refused, cut or left out."""

from pathlib import Path

import pytest
from support.texts import (
    translations,
    write_parquet,
)
from test_text_data import lengths, task_of, texts_of

from pgf.errors import UserError

LONG = "door " * 30


def long_ones(root: Path) -> str:
    """Write pairs of which one training source, one training target and one test are long."""
    parts = translations(30)
    for split, row, language in (("train", 3, "en"), ("train", 9, "de"), ("test", 2, "de")):
        parts[split]["translation"][row][language] = LONG.strip()
    return str(write_parquet(root / "pairs", parts))


def test_longer_pairs_are_refused_cut_or_left_out(tmp_path: Path) -> None:
    options = {"path": long_ones(tmp_path), "max_length": 24}
    with pytest.raises(UserError, match=r"2 of 30 pairs of train are longer.*number 3, with"):
        task_of("translation", **options).load()
    cut = task_of("translation", **options, longer="truncate").load()
    assert lengths(cut) == (24, 0) and len(cut.train) == 30
    left = task_of("translation", **options, longer="leave_out").load()
    assert lengths(left) == (24, 2) and (len(left.train), len(left.test)) == (28, 8)
    assert texts_of(left.train) == [
        pair for i, pair in enumerate(texts_of(cut.train)) if i not in (3, 9)
    ]
    assert texts_of(left.test) == texts_of(cut.test)


@pytest.mark.parametrize("spare", [0, 1])
def test_a_pair_of_just_the_greatest_length_is_taken(spare: int, tmp_path: Path) -> None:
    options = {"path": str(write_parquet(tmp_path / "pairs", translations()))}
    task = task_of("translation", **options)
    rows = [
        r
        for part in task.splits_of_pairs.values()
        for t in part
        for r in task.codec.encode(t.to_pylist())
    ]
    longest = max(map(len, rows))
    same = task_of("translation", **options, max_length=longest - spare)
    if spare:
        with pytest.raises(UserError, match="raise max_length"):
            same.load()
    else:
        assert lengths(same.load())[0] == longest


def test_characters_that_are_written_out_count_as_what_they_become(tmp_path: Path) -> None:
    parts = translations()
    parts["train"]["translation"][4]["en"] = "\ufdfa" * 5  # a ligature of eighteen letters
    path = str(write_parquet(tmp_path / "pairs", parts))
    with pytest.raises(UserError, match=r"1 of 40 pairs of train are longer.*number 4"):
        task_of("translation", path=path, max_length=60, tokenizer_pairs=3).load()
