"""Texts and options that cannot be trained on: one sentence, before any training."""

import re
from pathlib import Path
from typing import Any

import pytest
from support.configs import write_small
from support.texts import (
    classified,
    glue,
    mnli,
    refusal,
    sentences,
    translations,
    write_parquet,
)

from pgf.__main__ import main


@pytest.mark.parametrize("kind", ["wmt17_encdec", "multi30k_encdec", "sst2_t5_small"])
def test_without_network_and_cache_the_data_is_asked_for(kind: str, text_data: Path) -> None:
    message = refusal(kind, {"path": None}, text_data)
    name = {"wmt17_encdec": "wmt17", "multi30k_encdec": "multi30k"}.get(kind, "glue/sst2")
    assert "cannot be had and is not in the cache" in message
    assert f"set PGF_DATA to a folder that holds '{name}'" in message


def changed(parts: dict[str, Any], split: str, column: str, row: int, value: Any) -> dict[str, Any]:
    columns = parts[split]
    if "translation" in columns:
        columns["translation"][row][column] = value
    else:
        columns[column][row] = value
    return parts


def less(parts: dict[str, Any], split: str, column: str | None = None) -> dict[str, Any]:
    if column is None:
        del parts[split]
    else:
        del parts[split][column]
    return parts


EMPTY = {"sentence": [], "label": [], "idx": []}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (
            changed(glue(), "validation", "label", 4, -1),
            r"\(validation\): row 4: label -1;.*hidden",
        ),
        (changed(glue(), "train", "label", 0, 7), r"\(train\): row 0: label 7; cola has 0 \(unacc"),
        (changed(glue(), "train", "sentence", 2, None), r"row 2: 'sentence' must be a text"),
        (less(glue(), "validation"), "has no split 'validation'"),
        (less(glue(), "train"), "has no split 'train'"),
        (less(glue(), "train", "sentence"), r"no column 'sentence'; cola needs sentence, label"),
        ({**glue(), "validation": EMPTY}, r"\(validation\): a split without a row"),
        ({**glue(), "train": classified(11)}, "batch_size 12 exceeds the 11 samples to train"),
    ],
)
def test_a_task_of_glue_that_is_not_as_it_should_be_is_refused(
    parts: dict[str, Any], words: str, text_data: Path, tmp_path: Path
) -> None:
    write_parquet(tmp_path / "glue" / "cola", parts)
    message = refusal("cola_t5_small", {"path": str(tmp_path / "glue")}, text_data)
    assert re.search(words, message), message


def test_mnli_without_its_second_split_is_refused(text_data: Path, tmp_path: Path) -> None:
    write_parquet(tmp_path / "mnli", less(mnli(), "validation_mismatched"))
    message = refusal("glue_t5", {"parts": ["mnli"], "path": str(tmp_path)}, text_data)
    assert "has no split 'validation_mismatched': did you mean 'validation_matched'?" in message


NO_PAIRS = {"en": sentences(20), "de": [1] * 20}


@pytest.mark.parametrize(
    ("parts", "options", "words"),
    [
        (
            changed(translations(), "test", "en", 0, " \t"),
            {},
            "test: pair 0 lacks a text",
        ),
        (translations(), {"target": "fr"}, r"\(train\) has no language 'fr'; it has de, en"),
        ({**translations(), "train": NO_PAIRS}, {}, r"'de' holds no texts but int64"),
        (less(translations(), "test"), {}, "has no split 'test'"),
        ({**translations(), "test": {"en": [], "de": []}}, {}, r"\(test\): a split without a row"),
        (changed(translations(), "train", "en", 5, "door " * 90), {}, "1 of 40 pairs of train are"),
        (
            translations(),
            {"longer": "leave_out", "max_length": 2},
            "no pair of train is within max",
        ),
        (translations(), {"vocabulary": 20}, "vocabulary 20 is too small: the text alone has"),
        (translations(), {"target": "en"}, "source and target are one language, 'en'"),
        (translations(), {"test_path": "nowhere"}, "no data folder at nowhere"),
    ],
)
def test_pairs_that_are_not_as_they_should_be_are_refused(
    parts: dict[str, Any], options: dict[str, Any], words: str, text_data: Path, tmp_path: Path
) -> None:
    path = write_parquet(tmp_path / "pairs", parts)
    message = refusal("multi30k_encdec", {"path": str(path), **options}, text_data)
    assert re.search(words, message), message


def test_a_folder_without_data_is_refused(text_data: Path, tmp_path: Path) -> None:
    assert "holds no parquet files" in refusal("translation", {"path": str(tmp_path)}, text_data)
    assert "no data: give path" in refusal("translation", {"path": None, "hub": None}, text_data)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("glue_t5", {"parts": ["cola", "wnli"]}, "unknown GLUE task 'wnli'"),
        ("glue_t5", {"parts": ["cola", "cola"]}, "parts: cola stands twice"),
        ("glue_t5", {"parts": []}, "parts: name at least one task of GLUE"),
        ("glue_t5", {"holdout": 1.0}, "holdout is a share of the training samples: 1.0"),
        ("glue_t5", {"holdout": 0.999, "evaluate_on_holdout": True}, "leaves nothing of"),
        ("number_words_encdec", {"test_pairs": -1}, "test_pairs must be at least 1: -1"),
        ("number_words_encdec", {"below": 50}, "cannot be drawn from 50"),
        ("number_words_encdec", {"evaluate_on": "train"}, "'test' or 'validation'"),
        ("translation", {"train_pairs": 0}, "train_pairs must be at least 1, or null for all: 0"),
        ("translation", {"longer": "cut"}, "longer must be one of 'refuse', 'truncate' or"),
        ("translation", {"beam": 2}, "beam: unknown key; did you mean 'beams'"),
    ],
)
def test_options_of_a_task_that_make_no_sense_are_refused(
    kind: str, options: dict[str, Any], words: str, text_data: Path
) -> None:
    assert words in refusal(kind, options, text_data)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"heads": 5}, "width 32 is not a multiple of heads 5"),
        *[({n: 0}, f"{n} must be at least 1: 0") for n in ("width", "depth", "heads", "pool")],
        *[
            ({n: -1}, f"{n} must be at least 1: -1")
            for n in ("feed_forward", "beams", "new_tokens")
        ],
        ({"evaluation_batch": 0}, "evaluation_batch must be at least 1: 0"),
        ({"max_length": 1}, "max_length must be at least 2: 1"),
        ({"vocabulary": 15}, "vocabulary must be at least 16: 15"),
        ({"tokenizer_pairs": 0}, "tokenizer_pairs must be at least 1: 0"),
        ({"typical_length": [0, 3]}, "typical_length must be positive"),
        ({"label_smoothing": 1.0}, "label_smoothing is a share, in [0, 1): 1.0"),
        ({"dropout": -0.1}, "dropout is a share, in [0, 1): -0.1"),
        ({"model_options": {"d_model": 8}}, "d_model is not for the model alone: the option width"),
        ({"model_options": {"drpout": 8}}, "model_options: drpout: unknown key; did you mean 'd"),
        ({"model_options": {"eos_token_id": 8}}, "eos_token_id is not for the model alone"),
    ],
)
@pytest.mark.parametrize("kind", ["number_words_encdec"])
def test_impossible_sizes_are_refused(
    kind: str, options: dict[str, Any], words: str, text_data: Path
) -> None:
    assert words in refusal(kind, options, text_data)


@pytest.mark.parametrize("name", ["mixup", "cutmix", "label_smoothing"])
def test_what_is_for_images_is_refused(name: str, text_data: Path) -> None:
    message = refusal("number_words_encdec", {}, text_data, **{name: 0.1})
    assert f"training.{name} is for images, and must be 0 for text" in message


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ("{path: nowhere}", "no data folder at nowhere"),
        ("{path: null, hub: null}", "no data: give path"),
        ("{longer: cut}", "longer must be one of"),
    ],
)
def test_the_command_line_says_it_in_one_line(
    options: str, hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_small(tmp_path, tasks=f"{{multi30k_encdec: {{options: {options}}}}}")
    assert main(["check", config]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and hint in said[0]
