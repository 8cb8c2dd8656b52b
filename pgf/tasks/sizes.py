"""Sizes of encoder-decoder models."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pgf.errors import UserError
from pgf.tasks.sequences import SequenceTask

RESERVED = {
    "vocab_size": "the option vocabulary",
    "d_model": "the option width",
    "num_layers": "the option depth",
    "encoder_layers": "the option depth",
    "decoder_layers": "the option depth",
    "num_heads": "the option heads",
    **dict.fromkeys(("d_ff", "encoder_ffn_dim", "decoder_ffn_dim"), "the option feed_forward"),
    **dict.fromkeys(
        ("d_kv", "encoder_attention_heads", "decoder_attention_heads"), "the option heads"
    ),
    **dict.fromkeys(("dropout_rate", "dropout"), "the option dropout"),
    "feed_forward_proj": "the option gated",
    "max_position_embeddings": "the option max_length",
    "tie_word_embeddings": "the tables, which count them as tied",
    **dict.fromkeys(
        ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), "the tokenizer"
    ),
}
"""Arguments of a model's configuration that something else stands for."""


LEAST_WIDTH = 4
"""Positions as sines take two frequencies."""


@dataclass(frozen=True, kw_only=True)
class SmallSizes:
    """Sizes of a model that trains on a laptop's CPU; to stand before a task among the bases."""

    vocabulary: int = 4000
    width: int = 128
    depth: int = 2
    heads: int = 4
    feed_forward: int = 512
    max_length: int = 128


@dataclass(frozen=True, kw_only=True)
class Sized(SequenceTask):
    """A model made by its sizes; encoder and decoder have as many layers each."""

    width: int = 512
    depth: int = 6
    heads: int = 8
    feed_forward: int = 2048
    dropout: float = 0.1
    model_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the model's configuration in transformers."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "depth", "heads", "feed_forward"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1: {getattr(self, name)}")
        if self.width % self.heads:
            raise UserError(f"width {self.width} is not a multiple of heads {self.heads}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout is a share, in [0, 1): {self.dropout}")
        for key in RESERVED:
            if key in self.model_options:
                raise UserError(f"model_options: {key} is not for the model alone: {RESERVED[key]}")

    def narrower(self) -> Iterator["Sized"]:
        for width in range(self.width - self.heads, LEAST_WIDTH - 1, -self.heads):
            inner = max(1, round(self.feed_forward * width / self.width))
            yield replace(self, width=width, feed_forward=inner)

    def wider_feed_forward(self, more: int) -> "Sized":
        return replace(self, feed_forward=self.feed_forward + more)

    @property
    def attention(self) -> str:
        """Name of the attention's implementation in transformers."""
        return "sdpa" if self.fused_attention else "eager"
