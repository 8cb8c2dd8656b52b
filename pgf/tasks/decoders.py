"""Decoders of transformers: any architecture from its sizes, or a checkpoint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self, cast

from torch import nn

from pgf.errors import UserError, nearest
from pgf.tasks.base import Task
from pgf.tasks.data.pretrained import checkpoint_folder, read_config, weights_hash
from pgf.tasks.transformers_models import built, from_checkpoint, made_configuration

NAMES = {
    "width": ("hidden_size", "n_embd", "d_model"),
    "depth": ("num_hidden_layers", "n_layer", "num_layers"),
    "heads": ("num_attention_heads", "n_head"),
    "feed_forward": ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size"),
    "key_heads": ("num_key_value_heads", "num_kv_heads"),
    "head_width": ("head_dim",),
    "positions": ("max_position_embeddings", "n_positions"),
    "vocabulary": ("vocab_size",),
}
"""Size -> its names in transformers' configurations; an architecture has one of them, or none."""
DROPOUTS = (
    *("attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop"),
    *("dropout", "activation_dropout"),
)


@dataclass(frozen=True, kw_only=True)
class Decoder(Task):
    """A decoder: `architecture` with these sizes, or a `checkpoint` as it is."""

    architecture: str = "llama"
    """A `model_type` of transformers with a causal language model: llama, gpt2, qwen3, ..."""
    width: int = 128
    depth: int = 2
    heads: int = 4
    feed_forward: int = 512
    dropout: float = 0.0
    tied: bool = True
    """Use the embeddings as the last layer's weights too."""
    checkpoint: str | None = None
    """A folder, or a model's id on the hub; sizes and tokenizer come with it."""
    model_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the architecture's configuration in transformers."""
    fused_attention: bool = True
    """Compute attention in one kernel; on a CPU plain attention may be faster."""

    def __post_init__(self) -> None:
        for name in ("width", "depth", "heads", "feed_forward"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1: {getattr(self, name)}")
            if self.checkpoint and getattr(self, name) != self._default(name):
                raise UserError(
                    f"{name} is for a model from scratch; {self.checkpoint} has its own"
                )
        if self.width % self.heads or self.width // self.heads % 2:
            raise UserError(f"width {self.width} is not an even multiple of heads {self.heads}")
        if not 0 <= self.dropout < 1:
            raise UserError(f"dropout is a share, in [0, 1): {self.dropout}")

    def _default(self, name: str) -> Any:
        return self.__dataclass_fields__[name].default

    @cached_property
    def folder(self) -> Path:
        """The checkpoint's folder."""
        return checkpoint_folder(str(self.checkpoint))

    def configuration(self, *, vocabulary: int, positions: int) -> Any:
        """Return the model's configuration in transformers.

        Raises:
            UserError: there is no such architecture, it is no decoder, or an option is wrong.
        """
        from transformers import AutoConfig  # takes seconds
        from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

        values: Mapping[str, Any] = {}
        kind = self.architecture
        if self.checkpoint is not None:
            values = read_config(self.folder, name=self.checkpoint)
            kind = str(values.get("model_type"))
        known = sorted(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
        if kind not in known:
            where = f"checkpoint {self.checkpoint}" if self.checkpoint else "architecture"
            raise UserError(
                f"{where}: '{kind}' is no decoder of transformers; {nearest(kind, known)}"
            )
        config_class = type(AutoConfig.for_model(kind))
        if self.checkpoint is not None:
            return made_configuration(config_class, values, self.model_options)
        own = self._sizes(config_class, vocabulary=vocabulary, positions=positions)
        return made_configuration(config_class, own, self.model_options)

    def _sizes(self, config_class: type, *, vocabulary: int, positions: int) -> dict[str, Any]:
        known = config_class().to_dict()
        sizes = {
            **{"width": self.width, "depth": self.depth, "heads": self.heads},
            **{"key_heads": self.heads, "head_width": self.width // self.heads},
            **{"feed_forward": self.feed_forward, "positions": positions},
            "vocabulary": vocabulary,
        }
        named = {
            name: value for size, value in sizes.items() for name in NAMES[size] if name in known
        }
        lacking = [s for s in ("width", "depth", "feed_forward") if not set(NAMES[s]) & set(named)]
        if lacking:
            raise UserError(
                f"architecture {self.architecture}: its {lacking[0]} has none of the usual names; "
                "give sizes by model_options, or take another architecture"
            )
        rates = {name: self.dropout for name in DROPOUTS if name in known}
        marks = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"))
        return {**named, **rates, **marks, "tie_word_embeddings": self.tied}

    def build(self, *, vocabulary: int, positions: int) -> nn.Module:
        """Return a fresh model, or the checkpoint's."""
        from transformers import AutoModelForCausalLM  # takes seconds

        config = self.configuration(vocabulary=vocabulary, positions=positions)
        config._attn_implementation = "sdpa" if self.fused_attention else "eager"
        config.use_cache = False

        def fresh(config: Any) -> nn.Module:
            build: Any = AutoModelForCausalLM.from_config
            return cast(nn.Module, build(config))

        if self.checkpoint is None:
            return built(fresh, config)
        load = AutoModelForCausalLM.from_pretrained
        return from_checkpoint(load, fresh, config, self.folder, name=self.checkpoint)

    def weights_hash(self) -> str:
        """Return a hash of the checkpoint's weights; empty without one."""
        return weights_hash(self.folder, name=self.checkpoint) if self.checkpoint else ""

    def narrower(self) -> Iterator[Self]:
        if self.checkpoint is not None:
            return
        for width in range(self.width - 2 * self.heads, 0, -2 * self.heads):
            inner = max(1, round(self.feed_forward * width / self.width))
            yield replace(self, width=width, feed_forward=inner)

    def wider_feed_forward(self, more: int) -> Self:
        return replace(self, feed_forward=self.feed_forward + more)
