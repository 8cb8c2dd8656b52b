"""Small text tasks that need no data of others, and splits in the hub's layout."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.tasks import TASKS
from pgf.tasks.data.tokens import train_codec
from pgf.tasks.sequences import SequenceTask
from pgf.training.preflight import check_runs

TEXT_TASKS = sorted(name for name, task in TASKS.items() if issubclass(task, SequenceTask))
SMALL: dict[str, Any] = {
    **{"width": 32, "depth": 1, "heads": 2, "feed_forward": 64, "vocabulary": 120, "pool": 4},
    **{"max_length": 80, "new_tokens": 6, "evaluation_batch": 9},
}
NUMBERS = {
    "number_words_encdec": {
        "below": 1000,
        "train_pairs": 96,
        "test_pairs": 12,
        "validation_pairs": 12,
    },
}
TARGET = "1:4(FF)+2:8(QK)"

SENTENCES = (
    "the cat sat on the mat",
    "a dog sat on a very small mat by the door",
    "no cat",
    "the small dog and the cat ran away from the old door",
    "mats are old",
    "a cat ran",
)
Columns = dict[str, list[Any]]


def sentences(count: int, first: int = 0) -> list[str]:
    """Return texts of unequal lengths, no two alike."""
    return [f"{SENTENCES[i % len(SENTENCES)]} {i}" for i in range(first, first + count)]


def write_parquet(folder: Path, splits: dict[str, Columns]) -> Path:
    """Write `<split>-00000-of-00001.parquet` files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for split, columns in splits.items():
        pq.write_table(pa.table(columns), folder / f"{split}-00000-of-00001.parquet")
    return folder


def translated(texts: list[str]) -> list[dict[str, str]]:
    """Return rows of the hub's column of pairs; German is English backwards."""
    return [{"de": " ".join(reversed(text.split())), "en": text} for text in texts]


def translations(count: int = 40) -> dict[str, Columns]:
    """Return splits with the hub's column of pairs."""
    parts = {"train": (count, 0), "validation": (7, 100), "test": (8, 200)}
    return {name: {"translation": translated(sentences(*place))} for name, place in parts.items()}


def languages(count: int = 40) -> dict[str, Columns]:
    """Return the same splits with a column per language."""
    return {
        split: {name: [row[name] for row in columns["translation"]] for name in ("en", "de")}
        for split, columns in translations(count).items()
    }


def classified(count: int, first: int = 0, *, columns: tuple[str, ...] = ("sentence",)) -> Columns:
    """Return rows of a GLUE task of two labels."""
    labels = [i % 2 for i in range(first, first + count)]
    texts = {name: [f"{text}{name[-1]}" for text in sentences(count, first)] for name in columns}
    return {**texts, "label": labels, "idx": list(range(count))}


def glue(*columns: str, count: int = 40) -> dict[str, Columns]:
    """Return the splits of a GLUE task of two labels."""
    columns = columns or ("sentence",)
    return {
        "train": classified(count, columns=columns),
        "validation": classified(9, 100, columns=columns),
    }


def mnli(count: int = 30) -> dict[str, Columns]:
    """Return the splits of MNLI, which is evaluated on two."""
    columns = ("premise", "hypothesis")
    return {
        "train": classified(count, columns=columns),
        "validation_matched": classified(5, 100, columns=columns),
        "validation_mismatched": classified(6, 200, columns=columns),
    }


def write_every_family(root: Path) -> Path:
    """Write a data set for every family of tasks."""
    write_parquet(root / "glue" / "cola", glue())
    write_parquet(root / "glue" / "sst2", glue())
    write_parquet(root / "glue" / "rte", glue("sentence1", "sentence2"))
    write_parquet(root / "glue" / "mnli", mnli())
    write_parquet(root / "pairs", translations())
    (root / "words.dict").write_text(dictionary())
    return root


def dictionary() -> str:
    """Return words of two to four letters, each letter pronounced as one phoneme."""
    sounds = dict(zip("abcdefgh", ["AA", "B", "K", "D", "EH", "F", "G", "HH"], strict=True))
    rng = np.random.default_rng(0)
    words = {"".join(rng.choice(list(sounds), rng.integers(2, 5))) for _ in range(80)}
    return "".join(f"{word} {' '.join(sounds[x] for x in word)}\n" for word in sorted(words))


def small_options(kind: str, root: Path) -> dict[str, Any]:
    """Return the options that make a task small and its data local."""
    own = TASKS[kind].__dataclass_fields__
    options: dict[str, Any] = {**SMALL, **NUMBERS.get(kind, {})}
    if "parts" in own:
        options |= {"checkpoint": None, "path": str(root / "glue")}
    elif "hub" in own:
        options |= {"path": str(root / "pairs"), "test_hub": None}
    elif "test_words" in own:
        words = {"test_words": 12, "validation_words": 4, "pronounced": 12}
        options |= {"path": str(root / "words.dict"), **words}
    if kind in ("glue_t5", "glue_t5_base"):
        options["parts"] = ["cola", "mnli"]
    return options


def with_checkpoint(options: dict[str, Any], checkpoint: Path | str) -> dict[str, Any]:
    """Return options with a checkpoint, which brings vocabulary and sizes with it."""
    sizes = ("vocabulary", "width", "depth", "heads", "feed_forward", "gated")
    others = {name: value for name, value in options.items() if name not in sizes}
    return {**others, "checkpoint": str(checkpoint)}


def text_spec(
    kind: str, options: dict[str, Any], *, recipe: str = "ste", **training: Any
) -> RunSpec:
    """Return a run of a few steps of a text task."""
    values = {"steps": 4, "batch_size": 12, "learning_rate": 2e-3, "evaluations": 2, **training}
    return RunSpec(
        experiment="test",
        task=TaskSettings(name="texts", kind=kind, options=options),
        recipe=RecipeSettings(name=recipe, kind=recipe, label=recipe.upper()),
        target="dense" if recipe == "dense" else TARGET,
        references=(TARGET,),
        seed=3,
        training=TrainingSettings(**values),
        statistics=StatisticsSettings(every=2, noise_every=4),
    )


def write_checkpoint(folder: Path, *, vocabulary: int = 120, **config: Any) -> Path:
    """Write a tiny T5 with a tokenizer of its own, as transformers saves them."""
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2, **config}
    model = T5ForConditionalGeneration(T5Config(vocab_size=vocabulary, **sizes))
    model.save_pretrained(folder)
    texts = [f"cola sentence: {text} acceptable unacceptable" for text in sentences(30)]
    tokenizer = train_codec(texts, vocabulary=100).tokenizer
    marks = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **marks).save_pretrained(folder)
    return folder


def refusal(kind: str, options: dict[str, Any], root: Path, **training: Any) -> str:
    """Return what is said of a run before it is trained."""
    small = small_options(kind, root)
    if options.get("checkpoint"):
        small = with_checkpoint(small, options["checkpoint"])
    spec = text_spec(kind, {**small, **options}, **training)
    with pytest.raises(UserError) as caught:
        check_runs([spec])
    message = str(caught.value)
    assert "\n" not in message and message.startswith("task texts: ")
    return message
