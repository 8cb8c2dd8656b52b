"""Small language models on a small text, for tests."""

from pathlib import Path
from typing import Any

from pgf.experiments.settings import TaskSettings
from pgf.tasks import make_task
from pgf.tasks.language import CausalLM

TEXT = "The quick brown fox jumps over the lazy dog.\n" * 60 + "Zürich, 東京!\n"
SMALL = {"width": 16, "heads": 2, "feed_forward": 32, "context": 16, "depth": 1}


def lm(**options: Any) -> CausalLM:
    """Return a small `causal_lm` with these options."""
    return made({**SMALL, **options})


def made(options: dict[str, Any]) -> CausalLM:
    task = make_task(TaskSettings(name="lm", kind="causal_lm", options=options))
    assert isinstance(task, CausalLM)
    return task


def lm_of(folder: Path, path: str | None) -> CausalLM:
    """Return the `causal_lm` of a checkpoint."""
    return made({"path": path, "context": 16, "checkpoint": str(folder)})


def saved(task: CausalLM, folder: Path) -> CausalLM:
    """Save a small model with a tokenizer as a checkpoint; return the task that reads it."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    model: Any = task.model()
    model.save_pretrained(folder)
    tokenizer = Tokenizer.from_str(task.alphabet.to_json())
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>").save_pretrained(
        folder
    )
    return lm_of(folder, task.path)
