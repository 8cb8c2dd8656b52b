"""Text to text: tokens, lengths, loss and generation, whatever the model and the measures."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.experiments import TrainingSettings
from pgf.tasks.base import Task
from pgf.tasks.data.pairs import Pairs, fits, refuse_longer, slices, without_blank
from pgf.tasks.data.streams import Batch, Splits
from pgf.tasks.data.texts import IGNORED, PADDING, TextData, Texts, joined
from pgf.tasks.data.tokens import LEAST_VOCABULARY, Codec, train_codec


@dataclass(frozen=True, kw_only=True)
class SequenceTask(Task, ABC):
    """An encoder-decoder on pairs of texts; inputs are token ids (batch, length).

    The loss is the mean cross-entropy of a target's tokens, each given all before it. Evaluation
    generates, with a cache, and compares texts.
    """

    start: ClassVar[int] = PADDING
    """Token before the first of a target; T5 has the padding."""

    vocabulary: int = 8000
    """Tokens that the model knows."""
    tokenizer_pairs: int = 200_000
    """Training pairs, evenly spaced, that a tokenizer is trained on."""
    max_length: int = 256
    """Tokens of a source or a target at most, the end mark included."""
    longer: Literal["refuse", "truncate", "leave_out"] = "refuse"
    """Treatment of longer texts; `leave_out` truncates those that are evaluated on."""
    typical_length: tuple[int, int] = (32, 32)
    """Tokens of a source and a target that operations are counted for."""
    label_smoothing: float = 0.0
    """Share of a label's probability that is spread over the vocabulary (arXiv 1512.00567)."""
    beams: int = 1
    """Beams of the generation; 1 is greedy."""
    new_tokens: int | None = None
    """Tokens that are generated at most; None for half as many again as the longest target has."""
    pool: int = 50
    """Batches whose samples are sorted by length together, so that little is padded."""
    evaluation_batch: int = 128
    fused_attention: bool = True
    """Compute attention in one kernel; on a CPU plain attention may be faster."""

    def __post_init__(self) -> None:
        least = {
            "vocabulary": LEAST_VOCABULARY,
            "max_length": 2,
            "new_tokens": 1,
            **dict.fromkeys(("tokenizer_pairs", "beams", "pool", "evaluation_batch"), 1),
        }
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise UserError(f"{name} must be at least {bound}: {value}")
        if min(self.typical_length) < 1:
            raise UserError(f"typical_length must be positive: {self.typical_length}")
        if not 0 <= self.label_smoothing < 1:
            raise UserError(f"label_smoothing is a share, in [0, 1): {self.label_smoothing}")

    @abstractmethod
    def pairs(self) -> Mapping[str, Pairs]:
        """Return `train` first, then what is evaluated on, by the names of the splits.

        Raises:
            UserError: the data is not there, or not what the options say.
        """

    @cached_property
    def _read(self) -> Mapping[str, Pairs]:
        return self.pairs()

    @cached_property
    def splits_of_pairs(self) -> Mapping[str, Pairs]:
        """The pairs, read once; those to train on without the ones that lack a text."""
        return without_blank(self._read)

    @property
    def _blank(self) -> int:
        return len(self._read["train"][0]) - len(self.splits_of_pairs["train"][0])

    @cached_property
    def codec(self) -> Codec:
        """The tokenizer, trained on the training texts."""
        train = self.splits_of_pairs["train"]
        count = min(len(train[0]), self.tokenizer_pairs)
        taken = pa.array(np.arange(count) * len(train[0]) // count)
        texts = [text for part in train for text in part.take(taken).to_pylist()]
        return train_codec(texts, vocabulary=self.vocabulary)

    def check(self, settings: TrainingSettings) -> None:
        refuse_image_settings(settings, own=("label_smoothing",))

    def example(self) -> Batch:
        source, target = self.typical_length
        return torch.ones(1, source, dtype=torch.long), torch.ones(1, target, dtype=torch.long)

    def load(self) -> Splits:
        (_, train), *evaluated = self.splits_of_pairs.items()
        tests: Pairs = (joined([p[0] for _, p in evaluated]), joined([p[1] for _, p in evaluated]))
        parts = {"train": train, "what is evaluated on": tests}
        cut, limit = self.longer == "truncate", self.max_length
        fitting = {
            where: np.ones(len(part[0]), dtype=bool) if cut else fits(part, self.codec, limit=limit)
            for where, part in parts.items()
        }
        if self.longer == "refuse":
            for where, short in fitting.items():
                longer = np.flatnonzero(~short)
                refuse_longer(longer, parts[where], self.codec, limit=limit, where=where)
        if self.longer == "leave_out":
            if not fitting["train"].any():
                raise UserError(
                    f"no pair of train is within max_length {self.max_length}; raise it"
                )
            kept = pa.array(fitting["train"])
            train = (train[0].filter(kept), train[1].filter(kept))
        return Splits(
            train=self._data(train),
            test=self._data(tests),
            fingerprint=self.fingerprint([*train, *tests]),
            test_name=", ".join(name for name, _ in evaluated),
            left_out=len(fitting["train"]) - len(train[0]) + self._blank,
            sections={name: len(pair[0]) for name, pair in evaluated},
        )

    def _data(self, pair: Pairs) -> TextData:
        codec = replace(self.codec, max_length=self.max_length)
        source, target = (joined([texts]) for texts in pair)
        return TextData(source, target, encode=codec.encode, pool=self.pool)

    def fingerprint(self, texts: Sequence[Texts]) -> str:
        """Return a hash of the texts and of the tokenizer."""
        digest = hashlib.sha256(self.codec.to_json().encode())
        for column in texts:
            for part in slices(column):
                digest.update("".join(f"{text}\0" for text in part.to_pylist()).encode())
        return digest.hexdigest()[:16]

    def files(self) -> Mapping[str, str]:
        return {"tokenizer.json": self.codec.to_json()}

    def weight(self, batch: Batch) -> float:
        return float((batch[1] != IGNORED).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        inputs, labels = batch
        if inputs.is_meta:
            # The masks of fused attention depend on values, which are not there.
            model.set_attn_implementation("eager")  # type: ignore[operator]
        return F.cross_entropy(
            self.logits(model, inputs, labels).flatten(0, 1).float(),
            labels.flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.label_smoothing,
        )

    def logits(self, model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        """Return the logits (batch, length, vocabulary) of targets given those before them."""
        before = torch.full_like(labels, self.start)
        before[:, 1:] = labels[:, :-1].masked_fill(labels[:, :-1] == IGNORED, PADDING)
        mask = None if inputs.is_meta else inputs != PADDING
        output: Any = model(
            input_ids=inputs, attention_mask=mask, decoder_input_ids=before, use_cache=False
        )
        logits: Tensor = output.logits
        return logits

    @torch.no_grad()
    def teacher_forced(self, model: nn.Module, data: TextData) -> dict[str, float]:
        """Return the token accuracy, in percent, and loss of targets given their own beginnings."""
        device = next(model.parameters()).device
        correct, loss, count = 0, 0.0, 0
        for _, (inputs, labels) in data.by_length(self.evaluation_batch):
            inputs, labels = inputs.to(device), labels.to(device)
            logits = self.logits(model, inputs, labels).float()
            correct += int((logits.argmax(dim=-1) == labels).sum())
            flat = logits.flatten(0, 1), labels.flatten()
            loss += float(F.cross_entropy(*flat, ignore_index=IGNORED, reduction="sum"))
            count += int(self.weight((inputs, labels)))
        return {"token_accuracy": 100.0 * correct / count, "evaluation_loss": loss / count}

    @torch.no_grad()
    def generate(self, model: nn.Module, data: TextData) -> list[str]:
        """Return the text that the model makes of every source, in the order of the data."""
        from transformers import GenerationConfig  # takes seconds

        generator: Any = model
        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=self.new_tokens or self._longest_target(data) * 3 // 2,
            num_beams=self.beams,
            length_penalty=1.0,
            early_stopping=False,
            do_sample=False,
            pad_token_id=PADDING,
            eos_token_id=self.codec.end,
            decoder_start_token_id=self.start,
        )
        device = next(model.parameters()).device
        texts = [""] * len(data)
        for indices, (inputs, _) in data.by_length(self.evaluation_batch):
            inputs = inputs.to(device)
            rows = generator.generate(
                input_ids=inputs,
                attention_mask=(inputs != PADDING).long(),
                generation_config=settings,
            )
            for index, text in zip(indices, self.codec.decode(rows.tolist()), strict=True):
                texts[index] = text
        return texts

    def _longest_target(self, data: TextData) -> int:
        return max(map(len, data.encode(data.targets.to_pylist())))


def refuse_image_settings(settings: TrainingSettings, *, own: Sequence[str] = ()) -> None:
    """Check that training does not mix samples or smooth labels as images have it.

    Args:
        settings: the training.
        own: those of these settings that the task has as options.

    Raises:
        UserError: it does.
    """
    for name in ("mixup", "cutmix", "label_smoothing"):
        if getattr(settings, name):
            hint = "; text has an option of that name" if name in own else ""
            raise UserError(f"training.{name} is for images, and must be 0 for text{hint}")
