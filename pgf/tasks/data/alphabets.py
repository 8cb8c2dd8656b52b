"""Tokens of language models: bytes, characters, or pieces of a trained or given tokenizer."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from pgf.errors import UserError

Ids = npt.NDArray[np.int32]
END_OF_TEXT = "<|endoftext|>"


class Alphabet(Protocol):
    """Texts to token ids."""

    def __len__(self) -> int:
        """Return the number of tokens."""
        ...

    def encode(self, text: str) -> Ids:
        """Return the tokens of one document, the mark of its end included."""
        ...

    def to_json(self) -> str:
        """Return the alphabet as a text that it can be made from again."""
        ...


@dataclass(frozen=True)
class Bytes:
    """The 256 bytes of UTF-8; a document ends with byte 0, which texts do not hold."""

    def __len__(self) -> int:
        return 256

    def encode(self, text: str) -> Ids:
        return np.frombuffer(text.encode() + b"\0", dtype=np.uint8).astype(np.int32)

    def to_json(self) -> str:
        return json.dumps({"tokens": "bytes"})


@dataclass(frozen=True)
class Characters:
    """The characters of the training text; 0 ends a document, 1 stands for any other character."""

    characters: str
    """Sorted, each once."""

    @classmethod
    def of(cls, documents: Iterable[str]) -> "Characters":
        """Return the alphabet of a training text."""
        found: set[str] = set()
        for document in documents:
            found.update(document)
        return cls("".join(sorted(found)))

    def __len__(self) -> int:
        return len(self.characters) + 2

    def encode(self, text: str) -> Ids:
        known = {character: i for i, character in enumerate(self.characters, start=2)}
        ids = [known.get(character, 1) for character in text]
        return np.array([*ids, 0], dtype=np.int32)

    def to_json(self) -> str:
        return json.dumps({"tokens": "characters", "characters": self.characters})


@dataclass(frozen=True)
class Pieces:
    """Tokens of a `tokenizers.Tokenizer`."""

    tokenizer: Any
    end: int

    @classmethod
    def trained(cls, documents: Sequence[str], *, vocabulary: int) -> "Pieces":
        """Train byte-level byte-pair encoding, which loses nothing of a text."""
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        bytes_of_all = pre_tokenizers.ByteLevel.alphabet()
        if vocabulary <= len(bytes_of_all):
            raise UserError(
                f"vocabulary {vocabulary} is too small: 256 bytes and the end mark are needed"
            )
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END_OF_TEXT],
            initial_alphabet=sorted(bytes_of_all),
            show_progress=False,
        )
        tokenizer.train_from_iterator(documents, trainer)
        tokenizer.encode_special_tokens = True
        return cls(tokenizer, end=0)

    def __len__(self) -> int:
        return int(self.tokenizer.get_vocab_size())

    def encode(self, text: str) -> Ids:
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return np.array([*ids, self.end], dtype=np.int32)

    def to_json(self) -> str:
        return str(self.tokenizer.to_str())
