"""Language models: corpora, options and checkpoints that are refused, and checkpoints that fit."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.language import TEXT, lm, lm_of, saved

from pgf.errors import UserError
from pgf.tasks.data.corpora import read_text


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "a corpus is path, hub or package, one of them: -"),
        ({"path": "a", "package": "b"}, "one of them: path, package"),
        ({"path": "nowhere"}, "no data folder at nowhere"),
        ({"package": "no-such-package"}, "no-such-package is not installed: pip install"),
        (
            {"package": "sympy", "suffixes": [".md5"]},
            r"sympy holds no text in files that end in \.md5",
        ),
        ({"package": "sympy", "suffixes": [".py"], "context": 10**8}, "fewer than one context of"),
        (
            {"package": "sympy", "suffixes": [".py"], "tokens": "pieces", "vocabulary": 99},
            "256 bytes",
        ),
    ],
)
def test_a_corpus_that_cannot_be_had_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        lm(**options).load()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"context": 0}, "context must be at least 1: 0"),
        ({"held_out": 0.5}, "held_out is a share"),
        ({"width": 15}, "width 15 is not an even multiple of heads 2"),
        ({"dropout": 1.0}, "dropout is a share"),
        ({"depth": 0}, "depth must be at least 1"),
        ({"checkpoint": "x", "width": 16}, "width is for a model from scratch; x has its own"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        lm(**options)


def test_architectures_that_are_no_decoders_are_refused(text: Path) -> None:
    with pytest.raises(UserError, match=r"'lama' is no decoder .* did you mean 'llama'"):
        lm(path=str(text), architecture="lama").model()
    with pytest.raises(UserError, match="'t5' is no decoder of transformers"):
        lm(path=str(text), architecture="t5").model()
    with pytest.raises(UserError, match="model_options: rope: unknown key"):
        lm(path=str(text), model_options={"rope": 1}).model()


def test_a_text_that_is_no_utf_8_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.txt"
    path.write_bytes("first\nsecond\nthird ü".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.txt is no UTF-8: byte 19, in line 3, is 0xfc"):
        read_text(path)


def test_a_checkpoint_comes_with_weights_and_tokens(text: Path, tmp_path: Path) -> None:
    own = lm(path=str(text), tokens="pieces", vocabulary=300)
    torch.manual_seed(0)
    loaded = saved(own, tmp_path / "model")
    torch.manual_seed(0)
    first, second = own.model().state_dict(), loaded.model().state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    np.testing.assert_array_equal(own.alphabet.encode(TEXT), loaded.alphabet.encode(TEXT))
    assert not list(loaded.narrower())


def test_checkpoints_that_do_not_fit_are_refused(text: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    saved(lm(path=str(text), tokens="pieces", vocabulary=300), folder)
    config = folder / "config.json"
    before = config.read_text()
    config.write_text(before.replace('"llama"', '"t5"'))
    with pytest.raises(UserError, match=r"checkpoint .*: 't5' is no decoder of transformers"):
        lm_of(folder, str(text)).model()
    fewer = re.sub(r'"vocab_size": \d+', '"vocab_size": 200', before)
    config.write_text(fewer)
    with pytest.raises(UserError, match=r"embed_tokens.weight is \d+x16, and 200x16 by its config"):
        lm_of(folder, str(text)).model()


def test_a_checkpoint_that_lacks_a_weight_is_refused_whatever_its_form(
    text: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    saved(lm(path=str(text), tokens="pieces", vocabulary=300), folder)
    weights = dict(lm_of(folder, str(text)).model().state_dict())
    del weights["model.norm.weight"]
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"holds no weight model\.norm\.weight"):
        lm_of(folder, str(text)).model()
