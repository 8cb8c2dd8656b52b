"""Models of text to text: T5, and the Transformer that translates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from pgf.errors import UserError
from pgf.tasks.data.pretrained import checkpoint_folder, read_config, weights_hash
from pgf.tasks.data.texts import PADDING, Texts
from pgf.tasks.data.tokens import SPECIAL, Codec, load_codec
from pgf.tasks.sizes import Sized
from pgf.tasks.transformers_models import built, from_checkpoint, made_configuration

END = SPECIAL.index("</s>")


@dataclass(frozen=True, kw_only=True)
class T5(Sized):
    """T5 (arXiv 1910.10683), from a checkpoint or from scratch.

    With `checkpoint` sizes, vocabulary and tokenizer are the checkpoint's.
    """

    checkpoint: str | None = None
    """A folder, or a model's id on the hub, such as `google/t5-v1_1-base`."""
    gated: bool = False
    """Give a model from scratch gated GELUs in its feed-forward layers, as in T5 v1.1."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.checkpoint is None:
            return
        for name in ("vocabulary", "width", "depth", "heads", "feed_forward", "gated"):
            if getattr(self, name) != self.__dataclass_fields__[name].default:
                raise UserError(
                    f"{name} is for a model from scratch; that of {self.checkpoint} comes with it"
                )

    @cached_property
    def folder(self) -> Path:
        """The checkpoint's folder."""
        return checkpoint_folder(str(self.checkpoint))

    @cached_property
    def codec(self) -> Codec:
        if self.checkpoint is None:
            return super().codec
        size = self.configuration().vocab_size
        codec = load_codec(self.folder, name=self.checkpoint)
        if len(codec) > size:
            raise UserError(
                f"checkpoint {self.checkpoint}: its tokenizer has {len(codec)} tokens, "
                f"its model knows {size}"
            )
        return codec

    def configuration(self) -> Any:
        """Return the model's configuration in transformers."""
        from transformers import T5Config  # takes seconds

        if self.checkpoint is not None:
            values = read_config(self.folder, name=self.checkpoint, model_type="t5")
            own = {**values, "dropout_rate": self.dropout}
            where = f"checkpoint {self.checkpoint}: config.json or model_options"
            return made_configuration(T5Config, own, self.model_options, where=where)
        own = {
            "vocab_size": self.vocabulary,
            "d_model": self.width,
            "d_kv": self.width // self.heads,
            "d_ff": self.feed_forward,
            "num_layers": self.depth,
            "num_heads": self.heads,
            "feed_forward_proj": "gated-gelu" if self.gated else "relu",
            "pad_token_id": PADDING,
            "eos_token_id": END,
            "dropout_rate": self.dropout,
        }
        return made_configuration(T5Config, own, self.model_options)

    def model(self) -> nn.Module:
        from transformers import T5ForConditionalGeneration as Model  # takes seconds

        config = self.configuration()
        config._attn_implementation = self.attention
        if self.checkpoint is None:
            return built(Model, config)
        return from_checkpoint(
            Model.from_pretrained, Model, config, self.folder, name=self.checkpoint
        )

    def fingerprint(self, texts: Sequence[Texts]) -> str:
        own = super().fingerprint(texts)
        if self.checkpoint is None:
            return own
        return f"{own}.{weights_hash(self.folder, name=self.checkpoint)}"


@dataclass(frozen=True, kw_only=True)
class EncoderDecoder(Sized):
    """The Transformer (arXiv 1706.03762), norms first, one embedding for all, positions by sines.

    It is M2M100 of transformers (arXiv 2010.11125), which has this shape, without its layer drop.
    """

    start: ClassVar[int] = END

    def model(self) -> nn.Module:
        from transformers import M2M100Config, M2M100ForConditionalGeneration  # takes seconds

        own = {
            "vocab_size": self.vocabulary,
            "d_model": self.width,
            **dict.fromkeys(("encoder_layers", "decoder_layers"), self.depth),
            **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), self.heads),
            **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), self.feed_forward),
            **dict.fromkeys(("dropout", "attention_dropout", "activation_dropout"), self.dropout),
            **dict.fromkeys(("encoder_layerdrop", "decoder_layerdrop"), 0.0),
            **dict.fromkeys(("bos_token_id", "eos_token_id", "decoder_start_token_id"), END),
            "pad_token_id": PADDING,
            "max_position_embeddings": self.max_length,
            "scale_embedding": True,
            # Linear layers as by Xavier, embeddings of size 1 once scaled; 0.02 learns late.
            "init_std": self.width**-0.5,
        }
        config = made_configuration(M2M100Config, own, self.model_options)
        config._attn_implementation = self.attention
        return built(M2M100ForConditionalGeneration, config)
