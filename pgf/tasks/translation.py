"""Translation: sacreBLEU, exact match and teacher-forced token accuracy."""

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from torch import nn

from pgf.errors import UserError, nearest
from pgf.tasks.base import register
from pgf.tasks.data.numbers import number_word_splits
from pgf.tasks.data.pairs import Pairs
from pgf.tasks.data.streams import Splits
from pgf.tasks.data.texts import TextData, columns_of
from pgf.tasks.data.translations import open_texts, sentence_pairs
from pgf.tasks.encoder_decoders import EncoderDecoder
from pgf.tasks.sizes import SmallSizes

DRAW_SEED = 20240204


@dataclass(frozen=True, kw_only=True)
class Translation(EncoderDecoder, ABC):
    """All measures are in percent; token accuracy is of teacher-forced targets.

    That is very probably what the paper's Table 5 calls accuracy: it is what the authors' JAX code
    reports under that name.
    """

    metric: ClassVar[str] = "token_accuracy"

    evaluate_on: Literal["test", "validation"] = "test"
    """The split to evaluate on: settings are chosen on `validation`."""

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        data = cast(TextData, splits.test)
        scores = self.scores(self.generate(model, data), data.targets.to_pylist())
        return {**scores, **self.teacher_forced(model, data)}

    def scores(self, generated: list[str], references: list[str]) -> dict[str, float]:
        """Return measures of generated texts, in percent."""
        same = sum(a == b for a, b in zip(generated, references, strict=True))
        return {"exact_match": 100.0 * same / len(references)}


def _bleu() -> Any:
    from sacrebleu.metrics.bleu import BLEU  # takes a second

    return BLEU()


@register("translation")
@dataclass(frozen=True, kw_only=True)
class TranslatedTexts(Translation):
    """Sentence pairs of the hub or of parquet files, with a column `translation` or languages."""

    local_name: ClassVar[str | None] = None
    """Folder below the one that PGF_DATA names, which goes before the hub."""
    test_local_name: ClassVar[str | None] = None
    """The same for the test split, where another data set has it."""

    source: str = "en"
    target: str = "de"
    path: str | None = None
    """A local folder of parquet files."""
    hub: str | None = None
    """A data set's id on the hub, for where there is no local folder."""
    subset: str | None = None
    """Its configuration there."""
    test_path: str | None = None
    test_hub: str | None = None
    """A data set that has the test split, if it is another one."""
    train_pairs: int | None = None
    """Training pairs to use, the first ones; None for all."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train_pairs is not None and self.train_pairs < 1:
            raise UserError(f"train_pairs must be at least 1, or null for all: {self.train_pairs}")
        if self.source == self.target:
            raise UserError(f"source and target are one language, '{self.source}'")

    def scores(self, generated: list[str], references: list[str]) -> dict[str, float]:
        bleu = _bleu().corpus_score(generated, [references]).score
        return {"bleu": bleu, **super().scores(generated, references)}

    def about(self) -> Mapping[str, str]:
        bleu = _bleu()
        bleu.corpus_score(["a"], [["a"]])  # before a score the signature is not complete
        return {"measure_signature.bleu": str(bleu.get_signature())}

    def pairs(self) -> Mapping[str, Pairs]:
        splits = open_texts(
            path=self.path, hub=self.hub, subset=self.subset, local_name=self.local_name
        )
        where = str(self.path or self.local_name or self.hub)
        train = self._split(splits, "train", where)
        if self.train_pairs is not None:
            train = (train[0][: self.train_pairs], train[1][: self.train_pairs])
        if self.evaluate_on == "test" and (self.test_path or self.test_hub):
            splits = open_texts(
                path=self.test_path,
                hub=self.test_hub,
                subset=self.subset,
                local_name=self.test_local_name,
            )
            where = str(self.test_path or self.test_local_name or self.test_hub)
        return {"train": train, self.evaluate_on: self._split(splits, self.evaluate_on, where)}

    def _split(self, splits: Any, name: str, where: str) -> Pairs:
        if name not in splits:
            raise UserError(f"{where} has no split '{name}': {nearest(name, list(splits))}")
        languages = (self.source, self.target)
        return sentence_pairs(splits[name], languages=languages, where=f"{where} ({name})")


@register("wmt17_encdec")
@dataclass(frozen=True, kw_only=True)
class Wmt17(TranslatedTexts):
    """WMT-17 English to German, tested on WMT-14's test set: Tables 5, 9, 10 and 16."""

    local_name: ClassVar[str | None] = "wmt17"
    test_local_name: ClassVar[str | None] = "wmt14"

    hub: str | None = "wmt/wmt17"
    test_hub: str | None = "wmt/wmt14"
    subset: str | None = "de-en"
    vocabulary: int = 32_000
    width: int = 1024
    depth: int = 6
    heads: int = 16
    feed_forward: int = 4096
    longer: Literal["refuse", "truncate", "leave_out"] = "leave_out"
    beams: int = 4


@register("multi30k_encdec")
@dataclass(frozen=True, kw_only=True)
class Multi30k(SmallSizes, TranslatedTexts):
    """29,000 English captions of photographs with German translations (arXiv 1605.00459)."""

    local_name: ClassVar[str | None] = "multi30k"

    hub: str | None = "bentrevett/multi30k"
    typical_length: tuple[int, int] = (20, 20)


@register("number_words_encdec")
@dataclass(frozen=True, kw_only=True)
class NumberWords(Translation):
    """English number words to German: "forty two" to "zweiundvierzig", made by num2words.

    The numbers of the splits are drawn once, whatever the run's seed, and none is in two of them.
    """

    metric: ClassVar[str] = "exact_match"

    below: int = 10**9
    train_pairs: int = 20_000
    validation_pairs: int = 500
    test_pairs: int = 500
    vocabulary: int = 240
    width: int = 64
    depth: int = 2
    heads: int = 4
    feed_forward: int = 256
    dropout: float = 0.0
    max_length: int = 64
    typical_length: tuple[int, int] = (14, 10)
    evaluation_batch: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("train_pairs", "validation_pairs", "test_pairs"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1: {getattr(self, name)}")

    def pairs(self) -> Mapping[str, Pairs]:
        splits = number_word_splits(
            below=self.below,
            train=self.train_pairs,
            validation=self.validation_pairs,
            test=self.test_pairs,
            seed=DRAW_SEED,
        )
        return {name: columns_of(splits[name]) for name in ("train", self.evaluate_on)}
