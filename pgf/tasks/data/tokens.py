"""Tokenizers: trained on a task's own text, or of a checkpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pgf.errors import UserError
from pgf.tasks.data.alphabets import Pieces
from pgf.tasks.data.texts import PADDING

if TYPE_CHECKING:
    from pathlib import Path

SPECIAL = ("<pad>", "</s>", "<unk>")
"""In T5's order; the first is the padding."""
LEAST_VOCABULARY = 16
TOKENIZER, SENTENCE_PIECE = "tokenizer.json", "spiece.model"
"""Files of a checkpoint that hold a tokenizer; the second is read by way of further packages."""


@dataclass(frozen=True)
class Codec:
    """Texts to tokens and back."""

    tokenizer: Any = field(repr=False)
    """A `tokenizers.Tokenizer`."""
    end: int
    """Id of the end mark."""
    max_length: int | None = None
    """Tokens at which a text is cut, the end mark included; None to cut nothing."""

    def __post_init__(self) -> None:
        # A text may say "</s>" without ending there, as in SentencePiece.
        self.tokenizer.encode_special_tokens = True

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of texts, each with the end mark."""
        encoded = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        limit = None if self.max_length is None else self.max_length - 1
        return [[*item.ids[:limit], self.end] for item in encoded]

    def decode(self, rows: Iterable[Sequence[int]]) -> list[str]:
        """Return the texts of tokens, without special ones."""
        return [text.strip() for text in self.tokenizer.decode_batch([list(row) for row in rows])]

    def to_json(self) -> str:
        """Return the tokenizer as the text of a `tokenizer.json`."""
        return str(self.tokenizer.to_str())


def train_codec(texts: Iterable[str], *, vocabulary: int) -> Codec:
    """Train a tokenizer by byte-pair encoding (arXiv 1508.07909) on texts.

    Raises:
        UserError: the vocabulary cannot hold the characters of the text.
    """
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[2]))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    size = tokenizer.get_vocab_size()
    if size > vocabulary:
        raise UserError(
            f"vocabulary {vocabulary} is too small: the text alone has "
            f"{size - len(SPECIAL)} characters and {len(SPECIAL)} marks are needed"
        )
    return Codec(tokenizer, SPECIAL.index("</s>"))


def symbol_codec(symbols: Sequence[str]) -> Codec:
    """Return a tokenizer of texts that are symbols with spaces between them."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    ids = {symbol: i for i, symbol in enumerate((*SPECIAL, *symbols))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=SPECIAL[2]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(list(SPECIAL))
    return Codec(tokenizer, SPECIAL.index("</s>"))


def load_codec(folder: "Path", *, name: str) -> Codec:
    """Return the tokenizer of an encoder-decoder's checkpoint.

    Raises:
        UserError: the folder holds none that can be read, or one without padding or end mark.
    """
    loaded = _loaded(folder, name=name)
    if loaded.pad_token_id != PADDING or loaded.eos_token_id is None:
        raise UserError(
            f"checkpoint {name}: its tokenizer must pad with token {PADDING} and have an end mark, "
            f"as T5's do; it pads with {loaded.pad_token_id}, its end mark is "
            f"{loaded.eos_token_id}"
        )
    return Codec(loaded.backend_tokenizer, int(loaded.eos_token_id))


def load_pieces(folder: "Path", *, name: str) -> Pieces:
    """Return the tokenizer of a decoder's checkpoint.

    Raises:
        UserError: the folder holds none that can be read, or one without an end mark.
    """
    loaded = _loaded(folder, name=name)
    if loaded.eos_token_id is None:
        raise UserError(f"checkpoint {name}: its tokenizer has no end mark, to set documents apart")
    return Pieces(loaded.backend_tokenizer, int(loaded.eos_token_id))


def _loaded(folder: "Path", *, name: str) -> Any:
    """Return a checkpoint's tokenizer of transformers, which neither cuts nor pads."""
    from transformers import AutoTokenizer  # takes seconds

    _check_files(folder, name=name)
    try:
        loaded = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        tokenizer = loaded.backend_tokenizer
    except Exception as error:  # tokenizers raises nothing narrower
        reason = " ".join(str(error).split())
        raise UserError(f"checkpoint {name}: its tokenizer cannot be read: {reason}") from error
    # What a checkpoint was saved with would cut and pad in silence.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return loaded


def _check_files(folder: "Path", *, name: str) -> None:
    # Where there is none, transformers makes up a tokenizer of no words and says nothing.
    if (folder / TOKENIZER).is_file():
        return
    if not (folder / SENTENCE_PIECE).is_file():
        raise UserError(
            f"checkpoint {name}: {folder} holds no tokenizer ({TOKENIZER} or {SENTENCE_PIECE})"
        )
    missing = [package for package in ("sentencepiece", "google.protobuf") if not _has(package)]
    if missing:
        raise UserError(
            f"checkpoint {name}: to read its {SENTENCE_PIECE} takes the packages sentencepiece and "
            f"protobuf, and {' and '.join(missing)} is not installed; "
            f"pip install sentencepiece protobuf"
        )


def _has(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # of what it stands in
        return False
