"""Tokenizers: trained on texts, or a checkpoint's; texts come back, and no token too many."""

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.texts import sentences, write_checkpoint
from tokenizers import Tokenizer

from pgf.errors import UserError
from pgf.tasks.data.texts import PADDING
from pgf.tasks.data.tokens import SPECIAL, Codec, load_codec, train_codec

KNOWN = "abcdefghijklmnopqrstuvwxyzäöüß .,!?'-0123456789"
ALPHABET = " ".join(KNOWN)
CODEC = train_codec([*sentences(60), ALPHABET], vocabulary=140)
END = SPECIAL.index("</s>")


@given(st.lists(st.text(KNOWN, max_size=40), min_size=1, max_size=4))
def test_texts_of_known_characters_come_back(texts: list[str]) -> None:
    rows = CODEC.encode(texts)
    assert CODEC.decode(rows) == [text.strip() for text in texts]
    assert all(row[-1] == END and row.count(END) == 1 for row in rows)
    assert all(PADDING < token < len(CODEC) for row in rows for token in row)


@given(st.text("ab…½ﬁ²", max_size=9))
def test_other_forms_of_a_character_come_back_as_its_plain_one(text: str) -> None:
    codec = train_codec([unicodedata.normalize("NFKC", "a b … ½ ﬁ ²")], vocabulary=60)
    plain = unicodedata.normalize("NFKC", text)
    assert codec.decode(codec.encode([text])) == [plain.strip()]


def test_an_unknown_character_is_one_mark_and_nothing_in_the_text() -> None:
    (row,) = CODEC.encode(["a Ω b"])
    assert row.count(SPECIAL.index("<unk>")) == 1
    assert "Ω" not in CODEC.decode([row])[0]


@pytest.mark.parametrize("mark", SPECIAL)
def test_a_mark_that_is_written_in_a_text_is_text(mark: str) -> None:
    codec = train_codec([ALPHABET, "< / >", "pad unk s"], vocabulary=100)
    (row,) = codec.encode([f"no {mark} here"])
    assert not set(range(len(SPECIAL))) & set(row[:-1])
    assert codec.decode([row]) == [f"no {mark} here"]


def test_marks_and_padding_are_left_out_of_texts() -> None:
    (row,) = CODEC.encode(["the cat"])
    assert CODEC.decode([[PADDING, *row, PADDING, PADDING]]) == ["the cat"]


def test_training_is_a_function_of_the_texts() -> None:
    texts = sentences(60)
    one, again = (train_codec(list(texts), vocabulary=120) for _ in range(2))
    assert one.to_json() == again.to_json()
    other = train_codec([*texts[:-1], "quite another text"], vocabulary=120)
    assert other.to_json() != one.to_json()


@pytest.mark.parametrize("vocabulary", [40, 64, 100, 200])
def test_a_vocabulary_is_a_bound(vocabulary: int) -> None:
    codec = train_codec(sentences(60), vocabulary=vocabulary)
    assert len(codec) <= vocabulary
    assert len(codec) == vocabulary or vocabulary == 200
    assert [codec.tokenizer.id_to_token(i) for i in range(3)] == list(SPECIAL)


def test_a_vocabulary_smaller_than_the_characters_is_refused() -> None:
    characters = len(set("abc")) + 1  # and the mark of a space
    with pytest.raises(UserError, match=f"the text alone has {characters} characters and 3 marks"):
        train_codec(["abc"], vocabulary=characters + 2)
    assert len(train_codec(["abc"], vocabulary=characters + 3)) == characters + 3


@given(st.text(KNOWN, min_size=1, max_size=60), st.integers(2, 20))
def test_a_limit_cuts_the_text_and_keeps_the_end_mark(text: str, limit: int) -> None:
    (whole,), (cut,) = CODEC.encode([text]), replace(CODEC, max_length=limit).encode([text])
    assert len(cut) == min(len(whole), limit)
    assert cut == [*whole[: len(cut) - 1], END]


@given(st.text(max_size=40))
def test_what_is_kept_gives_the_same_tokens(text: str) -> None:
    again = Codec(Tokenizer.from_str(CODEC.to_json()), END)
    assert again.encode([text]) == CODEC.encode([text])
    assert again.to_json() == CODEC.to_json()


def test_a_checkpoint_has_its_own_tokenizer(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "t5")
    codec = load_codec(folder, name="t5")
    text = "cola sentence: the cat sat on the mat"
    own = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text, add_special_tokens=False)
    assert codec.encode([text]) == [[*own.ids, END]]
    assert codec.decode(codec.encode([text])) == [text]


@pytest.mark.parametrize(
    ("key", "value"), [("pad_token", "<unk>"), ("pad_token", None), ("eos_token", None)]
)
def test_a_tokenizer_that_pads_otherwise_than_t5_is_refused(
    key: str, value: str | None, tmp_path: Path
) -> None:
    path = write_checkpoint(tmp_path / "t5") / "tokenizer_config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, key: value}))
    with pytest.raises(UserError, match="must pad with token 0 and have an end mark, as T5's do"):
        load_codec(path.parent, name="t5")


def test_the_sentence_pieces_of_a_t5_checkpoint_are_read_as_they_are(tmp_path: Path) -> None:
    import sentencepiece

    text = tmp_path / "texts.txt"
    text.write_text("\n".join(sentences(200)), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(tmp_path / "spiece"),
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}))
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "extra_ids": 0}
    settings = {"tokenizer_class": "T5Tokenizer", **marks}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    codec = load_codec(tmp_path, name="t5")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "spiece.model"))
    some = sentences(30)
    assert codec.encode(some) == [[*pieces.encode(one), END] for one in some]
    assert codec.decode(codec.encode(some)) == some


def test_a_tokenizer_that_was_saved_to_cut_and_pad_does_neither(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "t5")
    long = [" ".join(sentences(9)), "no"]
    expected = load_codec(folder, name="t5").encode(long)
    saved = Tokenizer.from_file(str(folder / "tokenizer.json"))
    saved.enable_truncation(8)
    saved.enable_padding(length=16)
    saved.save(str(folder / "tokenizer.json"))
    assert load_codec(folder, name="t5").encode(long) == expected
    assert len(expected[0]) > 17 > len(expected[1])
