"""Causal language models: packed contexts, measures, corpora, and what is refused."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.language import TEXT, lm
from torch.nn.functional import cross_entropy

from pgf.errors import UserError
from pgf.experiments.settings import TaskSettings
from pgf.tasks import make_task
from pgf.tasks.data.alphabets import Bytes, Characters, Pieces
from pgf.tasks.data.corpora import with_held_out
from pgf.tasks.data.packed import PackedData
from pgf.tasks.language import CausalLM

ARCHITECTURES = ("llama", "gpt2", "qwen3", "mistral", "gpt_neox", "opt", "olmo2")


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    return path


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4), st.integers(1, 9))
def test_contexts_are_the_text_cut_and_labels_are_one_token_later(
    documents: list[str], context: int
) -> None:
    whole = b"".join(text.encode() + b"\0" for text in documents)
    if len(whole) <= context:
        with pytest.raises(UserError, match="fewer than one context"):
            PackedData.of(documents, Bytes(), context=context, where="it")
        return
    data = PackedData.of(documents, Bytes(), context=context, where="it")
    inputs, labels = data.batch(torch.arange(len(data)))
    n = len(data) * context
    assert bytes(inputs.flatten().tolist()) == whole[:n]
    assert bytes(labels.flatten().tolist()) == whole[1 : n + 1]
    assert n < len(whole) <= n + context
    assert data.bytes_per_token == 1.0


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60))
def test_pieces_and_characters_lose_nothing(text: str) -> None:
    pieces = Pieces.trained([TEXT], vocabulary=300)
    assert pieces.tokenizer.decode(pieces.encode(text).tolist()) == text
    characters = Characters.of([text])
    ids = characters.encode(text)
    assert "".join(characters.characters[i - 2] for i in ids[:-1]) == text and ids[-1] == 0


def test_characters_that_training_lacks_are_one_token() -> None:
    assert list(Characters.of(["ab"]).encode("axyb")) == [2, 1, 1, 3, 0]


@pytest.mark.parametrize("tokens", ["bytes", "characters", "pieces"])
def test_measures_are_those_of_every_token(text: Path, tokens: str) -> None:
    task = lm(path=str(text), tokens=tokens, vocabulary=300, evaluation_batch=3)
    model, splits = task.model().eval(), task.load()
    data = splits.test
    assert isinstance(data, PackedData)
    inputs, labels = data.batch(torch.arange(len(data)))
    with torch.no_grad():
        logits = model(input_ids=inputs).logits
    nats = float(cross_entropy(logits.flatten(0, 1), labels.flatten()))
    found = task.evaluate(model, splits)
    assert found["evaluation_loss"] == pytest.approx(nats, rel=1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(nats), rel=1e-4)
    assert found["token_accuracy"] == pytest.approx(
        100 * float((logits.argmax(-1) == labels).float().mean())
    )
    size = sum(len(t.encode()) + 1 for t in task.documents["test"]) / len(data.ids)
    assert found["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_architecture_has_the_sizes_that_are_asked_for(text: Path, architecture: str) -> None:
    task = lm(path=str(text), architecture=architecture, depth=3)
    model = task.model()
    config: Any = model.config
    assert (config.hidden_size, config.num_hidden_layers, config.vocab_size) == (16, 3, 256)
    widths = {
        tuple(module.weight.shape)
        for name, module in model.named_modules()
        if hasattr(module, "weight") and module.weight.dim() == 2 and "emb" not in name
    }
    assert {(16, 32), (32, 16)} & widths, "the feed-forward layers"
    batch = next(task.load().train.stream(batch_size=2, seed=0))
    assert math.log(256) == pytest.approx(task.loss(model, batch).item(), rel=0.1)


@pytest.mark.parametrize("architecture", sorted({*ARCHITECTURES} - {"opt"}))
def test_operations_are_counted_without_data(text: Path, architecture: str) -> None:
    task = lm(path=str(text), architecture=architecture)
    with torch.device("meta"):
        model = task.model()
    inputs, labels = (part.to("meta") for part in task.example())
    assert task.loss(model, (inputs, labels)).is_meta


def test_no_token_sees_a_later_one(text: Path) -> None:
    task = lm(path=str(text))
    model = task.model().eval()
    inputs, _ = next(task.load().train.stream(batch_size=1, seed=0))
    changed = inputs.clone()
    changed[0, 9] = (changed[0, 9] + 1) % 256
    with torch.no_grad():
        one, other = model(input_ids=inputs).logits, model(input_ids=changed).logits
    torch.testing.assert_close(one[:, :9], other[:, :9])
    assert not torch.allclose(one[:, 9:], other[:, 9:])


def test_narrower_models_are_narrower() -> None:
    widths = [task.width for task in lm().narrower()]
    assert widths == [12, 8, 4]
    assert [task.feed_forward for task in lm().narrower()] == [24, 16, 8]


def test_what_is_held_out_depends_on_the_document_alone() -> None:
    documents = [f"document {i} " * 20 for i in range(60)]
    parts = with_held_out({"train": documents}, share=0.1)
    assert sorted(text for own in parts.values() for text in own) == sorted(documents)
    more = with_held_out({"train": [*documents[::-1], "another " * 30]}, share=0.1)
    assert len(set(more["test"]) & set(parts["test"])) >= len(parts["test"]) - 1
    held = sum(map(len, parts["test"]))
    assert 0.1 <= held / sum(map(len, documents)) < 0.13
    one = with_held_out({"train": [TEXT]}, share=0.1)
    assert one["train"][0] + one["validation"][0] + one["test"][0] == TEXT
    given_ = with_held_out({"train": ["a"], "validation": ["b"], "test": ["c"]}, share=0.1)
    assert given_ == {"train": ["a"], "validation": ["b"], "test": ["c"]}


def test_folders_of_texts_have_splits_by_name(tmp_path: Path) -> None:
    for name in ("train_1.txt", "train_2.txt", "test.txt", "validation.txt"):
        (tmp_path / name).write_text(f"{name} " * 40)
    task = lm(path=str(tmp_path))
    assert [len(texts) for texts in task.documents.values()] == [2, 1]
    assert task.documents["test"][0].startswith("test.txt")
    limited = lm(path=str(tmp_path), train_characters=500).documents["train"]
    assert sum(map(len, limited)) == 500


def test_parquet_files_have_a_column_of_texts(tmp_path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"text": [TEXT, TEXT], "n": [1, 2]}).to_parquet(tmp_path / "train.parquet")
    assert len(lm(path=str(tmp_path), held_out=0.4).documents["train"]) == 1
    with pytest.raises(UserError, match="no column 'body'; it has n, text"):
        lm(path=str(tmp_path), column="body").load()
    with pytest.raises(UserError, match="the column 'n' holds no texts"):
        lm(path=str(tmp_path), column="n").load()


def test_the_data_is_known_by_its_fingerprint(text: Path) -> None:
    first = lm(path=str(text)).load().fingerprint
    assert lm(path=str(text)).load().fingerprint == first
    text.write_text(TEXT.replace("fox", "cat"), encoding="utf-8")
    assert lm(path=str(text)).load().fingerprint != first


def test_code_lm_reads_the_source_of_an_installed_package() -> None:
    task = make_task(TaskSettings(name="code", kind="code_lm", options={"train_characters": 9000}))
    assert isinstance(task, CausalLM)
    assert len(task.load().train) > 50
    import sympy

    place = Path(sympy.__file__).parent
    paths = [place.parent / "isympy.py", *place.rglob("*.py")]
    own = {path.read_text(encoding="utf-8") for path in paths}
    assert all(any(text.startswith(t) for text in own) for t in task.documents["train"])


def test_the_text_of_the_data_that_is_shared_trains(tmp_path: Path) -> None:
    """A few steps through the suite's own loop, of the built-in corpus."""
    from support.configs import load

    from pgf.training.loop import train
    from pgf.training.run_state import Run

    values = {
        "name": "file",
        "tasks": {"code_lm": {"options": {"train_characters": 20000, "test_characters": 2000}}},
        "training": {"steps": 4, "batch_size": 4, "learning_rate": 0.003, "evaluations": 1},
        "targets": ["1:4(FF)"],
        "recipes": {"sr_ste": {}},
        "seeds": [0],
        "statistics": {"every": 2, "noise_every": 4},
    }
    (spec,) = load(values, tmp_path).runs()
    run = train(Run.make(spec))
    assert run.step == 4 and run.diverged_at is None
    names = [layer.name for layer in run.sparsifier.layers]
    assert len(names) == 6 and all(".mlp." in name for name in names)
