"""GLUE as text to text (arXiv 1910.10683): one T5 on one of its tasks, or on all together."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, cast

from torch import nn

from pgf.errors import UserError, nearest
from pgf.tasks.base import register
from pgf.tasks.data.glue import GLUE, HUB, GlueTask, check_split, find_glue_task, overall
from pgf.tasks.data.pairs import Pairs
from pgf.tasks.data.streams import Splits
from pgf.tasks.data.texts import TextData, columns_of
from pgf.tasks.data.translations import open_texts
from pgf.tasks.encoder_decoders import T5
from pgf.tasks.sizes import SmallSizes

SPLIT_SEED = 20240204
TRAIN = "train"
HOLDOUT = "holdout"

Columns = dict[str, list[Any]]


@register("glue_t5")
@dataclass(frozen=True, kw_only=True)
class Glue(T5):
    """Trained on the tasks together, each as often as it has samples; evaluated one by one.

    The answer is generated, and what is none of the task's labels is wrong. Evaluated is GLUE's
    validation split: the labels of its test split are hidden.
    """

    metric: ClassVar[str] = "overall"

    parts: tuple[str, ...] = tuple(GLUE)
    """Tasks of GLUE by the hub's names."""
    path: str | None = None
    """A local folder, with one of parquet files for each task."""
    hub: str | None = HUB
    evaluate_on_holdout: bool = False
    """Evaluate on training samples set apart by a fixed draw: settings are chosen there."""
    holdout: float = 0.1
    evaluation_batch: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parts:
            raise UserError("parts: name at least one task of GLUE")
        for name in self.parts:
            find_glue_task(name)
            if self.parts.count(name) > 1:
                raise UserError(f"parts: {name} stands twice")
        if not 0 < self.holdout < 1:
            raise UserError(f"holdout is a share of the training samples: {self.holdout}")

    def _tables_of(self, task: GlueTask) -> dict[str, Columns]:
        path = None if self.path is None else f"{self.path}/{task.name}"
        local_name = f"glue/{task.name}"
        splits = open_texts(path=path, hub=self.hub, subset=task.name, local_name=local_name)
        where = path or (local_name if self.hub is None else f"{self.hub}, {task.name}")
        names = [TRAIN] if self.evaluate_on_holdout else [TRAIN, *task.splits]
        for split in names:
            if split not in splits:
                raise UserError(f"{where} has no split '{split}': {nearest(split, list(splits))}")
            check_split(task, splits[split][:], f"{where} ({split})")
        if not self.evaluate_on_holdout:
            return {split: splits[split][:] for split in names}
        size = len(splits[TRAIN])
        if math.ceil(self.holdout * size) >= size:
            raise UserError(f"holdout {self.holdout} leaves nothing of {where}'s {size} samples")
        drawn = splits[TRAIN].train_test_split(test_size=self.holdout, seed=SPLIT_SEED)
        return {TRAIN: drawn["train"][:], HOLDOUT: drawn["test"][:]}

    @cached_property
    def _built(self) -> tuple[Mapping[str, Pairs], Mapping[str, list[float]]]:
        """Pairs by place, and the values that answers should have; the rows are not kept."""
        pairs: dict[str, list[tuple[str, str]]] = {TRAIN: []}
        references: dict[str, list[float]] = {}
        for task in map(find_glue_task, self.parts):
            for split, columns in self._tables_of(task).items():
                place = TRAIN if split == TRAIN else f"{task.name} {split}"
                own = pairs.setdefault(place, [])
                for row in _rows(columns):
                    own.append((task.source(row), task.target(row)))
                    if place != TRAIN:
                        references.setdefault(place, []).append(task.reference(row))
        return {place: columns_of(own) for place, own in pairs.items()}, references

    def pairs(self) -> Mapping[str, Pairs]:
        return self._built[0]

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        data = cast(TextData, splits.test)
        answers = self.generate(model, data)
        scores = self.scores(answers, splits.sections)
        loss = self.teacher_forced(model, data)["evaluation_loss"]
        if self.metric == "overall":
            scores = {"overall": overall(scores), **scores}
        return {**scores, "evaluation_loss": loss}

    def scores(self, answers: list[str], sections: Mapping[str, int]) -> dict[str, float]:
        """Return the measures of answers, in percent.

        Args:
            answers: texts to all that is evaluated on, in its order.
            sections: samples of each part of it, as `Splits` has them.
        """
        scores: dict[str, float] = {}
        first = 0
        for place, size in sections.items():
            name, split = place.split(" ")
            own = [GLUE[name].value(answer) for answer in answers[first : first + size]]
            scores |= GLUE[name].scores(own, self._built[1][place], split=split)
            first += size
        return scores


def _rows(columns: Columns) -> Iterator[dict[str, Any]]:
    for row in zip(*columns.values(), strict=True):
        yield dict(zip(columns, row, strict=True))


def _columns(rows: list[dict[str, Any]]) -> Columns:
    return {name: [row[name] for row in rows] for name in rows[0]}


@register("glue_t5_base")
@dataclass(frozen=True, kw_only=True)
class GlueT5Base(Glue):
    """T5-Base, pre-trained on C4 alone, on all of GLUE: Tables 4, 7, 12 and 15, Figure 7.

    The original `google-t5/t5-base` has seen GLUE in its pre-training; v1.1 has not.
    """

    checkpoint: str | None = "google/t5-v1_1-base"
    vocabulary: int = 32_128
    width: int = 768
    depth: int = 12
    heads: int = 12
    feed_forward: int = 2048
    gated: bool = True
    max_length: int = 512
    longer: Literal["refuse", "truncate", "leave_out"] = "truncate"
    typical_length: tuple[int, int] = (64, 4)


@dataclass(frozen=True, kw_only=True)
class SmallT5(SmallSizes, Glue):
    """A small T5 from scratch, of the original shape."""

    typical_length: tuple[int, int] = (20, 2)


@register("sst2_t5_small")
@dataclass(frozen=True, kw_only=True)
class Sst2T5Small(SmallT5):
    """SST-2: is a phrase of a film review positive?"""

    metric: ClassVar[str] = "sst2_accuracy"

    parts: tuple[str, ...] = ("sst2",)


@register("cola_t5_small")
@dataclass(frozen=True, kw_only=True)
class ColaT5Small(SmallT5):
    """CoLA: is a sentence acceptable English? Matthews correlation."""

    metric: ClassVar[str] = "cola_matthews"

    parts: tuple[str, ...] = ("cola",)
