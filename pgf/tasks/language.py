"""Causal language models on any text: bits per byte, perplexity and token accuracy."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.experiments import TrainingSettings
from pgf.tasks.base import register
from pgf.tasks.data.alphabets import Alphabet, Bytes, Characters, Pieces
from pgf.tasks.data.corpora import Documents, read_corpus, with_held_out
from pgf.tasks.data.packed import PackedData
from pgf.tasks.data.streams import Batch, Splits
from pgf.tasks.data.tokens import load_pieces
from pgf.tasks.decoders import Decoder
from pgf.tasks.sequences import refuse_image_settings


@register("causal_lm")
@dataclass(frozen=True, kw_only=True)
class CausalLM(Decoder):
    """A decoder that predicts each token of a text from those before it in its context.

    Documents stand one after another and are cut into contexts of equal length. Bits per byte are
    the loss in bits over the bytes of the held-out text, and compare across tokens.
    """

    metric: ClassVar[str] = "bits_per_byte"
    higher_is_better: ClassVar[bool] = False

    path: str | None = None
    """A text file, or a folder of text or parquet files."""
    hub: str | None = None
    """A data set's id on the hub."""
    subset: str | None = None
    """Its configuration there."""
    package: str | None = None
    """An installed package, whose source files are the text."""
    column: str = "text"
    """Column of texts in parquet files and on the hub."""
    suffixes: tuple[str, ...] = (".txt",)
    """Ends of the names of text files in a folder or package."""
    tokens: Literal["bytes", "characters", "pieces"] = "bytes"
    """`pieces` are byte-level byte-pair encoding, trained on the training text."""
    vocabulary: int = 4096
    """Tokens of `pieces`."""
    context: int = 128
    """Tokens that are seen at once."""
    train_characters: int | None = None
    """Characters of the training text to use, in the order of its documents; None for all."""
    test_characters: int | None = 1_000_000
    """The same of the held-out text."""
    held_out: float = 0.05
    """Share of a corpus without splits that is held out for `validation`, and for `test`."""
    evaluate_on: Literal["test", "validation"] = "test"
    evaluation_batch: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("context", "evaluation_batch", "train_characters", "test_characters"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UserError(f"{name} must be at least 1: {value}")
        if not 0 < self.held_out < 0.5:
            raise UserError(f"held_out is a share, above 0 and below 0.5: {self.held_out}")

    @cached_property
    def documents(self) -> Mapping[str, Documents]:
        """The texts to train on and to evaluate on, by split."""
        splits = read_corpus(
            path=self.path,
            hub=self.hub,
            subset=self.subset,
            package=self.package,
            column=self.column,
            suffixes=self.suffixes,
        )
        held_out = with_held_out(splits, share=self.held_out)
        limits = {"train": self.train_characters, self.evaluate_on: self.test_characters}
        return {name: _first(held_out[name], limit) for name, limit in limits.items()}

    @cached_property
    def alphabet(self) -> Alphabet:
        """The tokens of the text."""
        if self.checkpoint is not None:
            return load_pieces(self.folder, name=self.checkpoint)
        if self.tokens == "bytes":
            return Bytes()
        train = self.documents["train"]
        if self.tokens == "characters":
            return Characters.of(train)
        return Pieces.trained(train, vocabulary=self.vocabulary)

    def model(self) -> nn.Module:
        model = self.build(vocabulary=len(self.alphabet), positions=self.context)
        known = int(cast(Any, model).config.vocab_size)
        if len(self.alphabet) > known:
            raise UserError(
                f"the vocabulary of {len(self.alphabet)} tokens is larger than the model's {known}"
            )
        return model

    def example(self) -> Batch:
        shape = (1, self.context)
        return torch.ones(shape, dtype=torch.long), torch.ones(shape, dtype=torch.long)

    def check(self, settings: TrainingSettings) -> None:
        refuse_image_settings(settings)

    def load(self) -> Splits:
        parts = {
            name: PackedData.of(texts, self.alphabet, context=self.context, where=name)
            for name, texts in self.documents.items()
        }
        return Splits(
            train=parts["train"],
            test=parts[self.evaluate_on],
            fingerprint=self._fingerprint(),
            test_name=self.evaluate_on,
        )

    def _fingerprint(self) -> str:
        digest = hashlib.sha256(f"{self.alphabet.to_json()}{self.weights_hash()}".encode())
        for texts in self.documents.values():
            for text in texts:
                digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()[:16]

    def files(self) -> Mapping[str, str]:
        return {"alphabet.json": self.alphabet.to_json()}

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        inputs, labels = batch
        return F.cross_entropy(logits_of(model, inputs).flatten(0, 1), labels.flatten())

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        data = cast(PackedData, splits.test)
        device = next(model.parameters()).device
        correct, nats, count = 0, 0.0, 0
        for inputs, labels in data.in_order(self.evaluation_batch):
            labels = labels.to(device)
            logits = logits_of(model, inputs.to(device))
            correct += int((logits.argmax(dim=-1) == labels).sum())
            nats += float(F.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum"))
            count += labels.numel()
        loss = nats / count
        return {
            "bits_per_byte": loss / math.log(2) / data.bytes_per_token,
            "perplexity": math.exp(min(loss, 700.0)),
            "token_accuracy": 100.0 * correct / count,
            "evaluation_loss": loss,
        }


def logits_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the logits (batch, tokens, vocabulary) after each token, in float32."""
    decoder: Any = model
    mask = None
    if inputs.is_meta:
        # To count operations: fused attention, and transformers' own mask, look at values.
        decoder.set_attn_implementation("eager")
        batch, tokens = inputs.shape
        mask = torch.zeros(batch, 1, tokens, tokens, device=inputs.device)
    logits: Tensor = decoder(input_ids=inputs, attention_mask=mask).logits
    return logits.float()


def _first(documents: Documents, limit: int | None) -> Documents:
    """Return the first documents of so many characters together, the last of them cut."""
    if limit is None:
        return documents
    kept: Documents = []
    for text in documents:
        if limit <= 0:
            break
        kept.append(text[:limit])
        limit -= len(text)
    return kept


@register("code_lm")
@dataclass(frozen=True, kw_only=True)
class CodeLM(CausalLM):
    """Bytes of Python: the source of sympy, which every installation has with torch.

    It is held out by file. The text is that of the installed version, which the lock pins.
    """

    package: str | None = "sympy"
    suffixes: tuple[str, ...] = (".py",)
    width: int = 64
    heads: int = 4
    feed_forward: int = 256
    context: int = 64
    train_characters: int | None = 4_000_000
    test_characters: int | None = 100_000
