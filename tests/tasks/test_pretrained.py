"""Pre-trained checkpoints: what is none of T5 is refused before any training, in one sentence."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.texts import (
    refusal,
    small_options,
    with_checkpoint,
    write_checkpoint,
)

from pgf.errors import UserError
from pgf.tasks import TASKS


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "t5")


Change = Callable[[Path], None]


def rewritten(**values: Any) -> Change:
    def change(folder: Path) -> None:
        path = folder / "config.json"
        merged = {**json.loads(path.read_text()), **values}
        path.write_text(json.dumps({k: v for k, v in merged.items() if v is not None}))

    return change


def written(name: str, content: bytes) -> Change:
    return lambda folder: (folder / name).write_bytes(content) and None


def without(*names: str) -> Change:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def cut_short(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-64])


def less_one_weight(folder: Path) -> None:
    path = folder / "model.safetensors"
    values = load_file(path)
    del values["encoder.block.0.layer.0.SelfAttention.q.weight"]
    save_file(values, path, metadata={"format": "pt"})


def sentence_piece_alone(folder: Path) -> None:
    without("tokenizer.json")(folder)
    written("spiece.model", b"pieces")(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (rewritten(model_type="bert"), "is a bert, not a t5"),
        (rewritten(model_type=None), "is a None, not a t5"),
        (rewritten(vocab_size=99), "tokenizer has 100 tokens, its model knows 99"),
        (rewritten(d_model=64), "shared.weight is 120x32, and 120x64 by its config.json"),
        (rewritten(d_model="wide"), "config.json or model_options: .*'d_model' expected int"),
        (written("config.json", b"{"), r"config.json: Expecting property name"),
        (without("config.json"), "config.json"),
        (without("model.safetensors"), "holds no weights .model.*safetensors or pytorch_model"),
        (without("tokenizer.json", "tokenizer_config.json"), "holds no tokenizer .tokenizer.json"),
        (written("tokenizer.json", b"{"), "its tokenizer cannot be read"),
        (written("tokenizer.json", b'{"model": 3}'), "its tokenizer cannot be read"),
        (written("model.safetensors", b"junk"), r"model.safetensors cannot be read"),
        (cut_short, "model.safetensors cannot be read"),
        (less_one_weight, "holds no weight encoder.block.0.layer.0.SelfAttention.q.weight"),
        (sentence_piece_alone, "its tokenizer cannot be read|pip install sentencepiece protobuf"),
    ],
)
def test_a_checkpoint_that_is_none_of_t5_is_refused(
    change: Change, words: str, text_data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "t5"
    shutil.copytree(checkpoint, folder)
    change(folder)
    message = refusal("cola_t5_small", {"checkpoint": str(folder)}, text_data)
    assert re.search(words, message), message
    assert f"checkpoint {folder}" in message


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/nowhere/t5", "checkpoint /nowhere/t5: no such folder, and no model's id"),
        ("google/t5-v1_1-base-none", "is no folder, and the hub's cannot be had and is not in the"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused(name: str, words: str, text_data: Path) -> None:
    message = refusal("cola_t5_small", {"checkpoint": name}, text_data)
    assert words in message


def as_older_files(folder: Path, values: dict[str, Any]) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(values, folder / "pytorch_model.bin")


def test_a_head_of_its_own_is_taken_as_it_is_in_t5_1_1(
    text_data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    options = with_checkpoint(small_options("cola_t5_small", text_data), tmp_path / "t5")
    for older in (False, True):
        shutil.copytree(checkpoint, tmp_path / "t5", dirs_exist_ok=True)
        # As in the hub's: transformers has written another key for the same since.
        rewritten(tie_word_embeddings=False, scale_decoder_outputs=None)(tmp_path / "t5")
        values = load_file(checkpoint / "model.safetensors")
        values["lm_head.weight"] = torch.full((120, 32), 0.5)
        save_file(values, tmp_path / "t5" / "model.safetensors", metadata={"format": "pt"})
        if older:
            as_older_files(tmp_path / "t5", values)
        model = TASKS["cola_t5_small"](**options).model()
        assert torch.equal(model.get_parameter("lm_head.weight"), values["lm_head.weight"])
        assert torch.equal(model.get_parameter("shared.weight"), values["shared.weight"])
        assert not model.config.scale_decoder_outputs


@pytest.mark.parametrize("broken", [False, True])
def test_weights_of_the_older_kind_are_refused_where_they_are_read(
    broken: bool, text_data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    shutil.copytree(checkpoint, tmp_path / "t5")
    values = load_file(checkpoint / "model.safetensors")
    del values["encoder.final_layer_norm.weight"]
    as_older_files(tmp_path / "t5", values)
    if broken:
        (tmp_path / "t5" / "pytorch_model.bin").write_bytes(b"junk")
    options = with_checkpoint(small_options("cola_t5_small", text_data), tmp_path / "t5")
    words = "cannot be read" if broken else "holds no weight encoder.final_layer_norm.weight"
    with pytest.raises(UserError, match=words) as caught:
        TASKS["cola_t5_small"](**options).model()
    assert "\n" not in str(caught.value)


def test_other_weights_are_other_data(text_data: Path, checkpoint: Path, tmp_path: Path) -> None:
    shutil.copytree(checkpoint, tmp_path / "t5")
    options = small_options("cola_t5_small", text_data)
    prints = set()
    for folder in (checkpoint, tmp_path / "t5"):
        prints.add(TASKS["cola_t5_small"](**with_checkpoint(options, folder)).load().fingerprint)
    assert len(prints) == 1
    path = tmp_path / "t5" / "model.safetensors"
    save_file({n: v + 1 for n, v in load_file(path).items()}, path, metadata={"format": "pt"})
    task = TASKS["cola_t5_small"](**with_checkpoint(options, tmp_path / "t5"))
    assert task.load().fingerprint not in prints


@pytest.mark.parametrize(
    ("name", "value"),
    [("vocabulary", 77), ("width", 512), ("depth", 9), ("heads", 1), ("gated", True)],
)
def test_sizes_beside_a_checkpoint_are_refused(
    name: str, value: int, text_data: Path, checkpoint: Path
) -> None:
    message = refusal("cola_t5_small", {"checkpoint": str(checkpoint), name: value}, text_data)
    assert f"{name} is for a model from scratch" in message


def test_generation_follows_no_settings_that_came_with_a_checkpoint(
    text_data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "t5"
    shutil.copytree(checkpoint, folder)
    settings = {"min_length": 7, "repetition_penalty": 3.0, "length_penalty": 2.0}
    (folder / "generation_config.json").write_text(json.dumps(settings))
    texts = []
    for each in (checkpoint, folder):
        options = with_checkpoint(small_options("cola_t5_small", text_data), each)
        task = TASKS["cola_t5_small"](**{**options, "beams": 2, "new_tokens": 12})
        torch.manual_seed(0)
        texts.append(task.generate(task.model(), task.load().test))
    assert texts[0] == texts[1]
