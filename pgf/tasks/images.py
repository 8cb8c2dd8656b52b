"""`images`: any timm model on labelled images, by config alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import timm
import torch
from timm.data import create_transform
from torch import nn

from pgf.data.images import (
    check_columns,
    check_labels,
    class_names,
    content_hash,
    open_images,
)
from pgf.data.pictures import Pictures
from pgf.data.streams import Batch, MappedData, Splits
from pgf.errors import UserError, nearest
from pgf.tasks.base import register
from pgf.tasks.vision import ImageClassification

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT_SEED = 20240204


@register("images")
@dataclass(frozen=True, kw_only=True)
class Images(ImageClassification):
    """Class folders, parquet files or a data set of the hub, with an image and a label column.

    Without a test split of their own, `holdout` of the training images are set apart by a fixed
    draw. With `evaluate_on_holdout` that happens also where there is a test split, which then stays
    unread: settings are chosen there.
    """

    local_name: ClassVar[str | None] = None
    """Folder below the one that PGF_DATA names, which goes before the hub."""

    path: str | None = None
    """A local folder."""
    hub: str | None = None
    """A data set's id on the hub, for where there is no local folder."""
    model_name: str = "vit_tiny_patch16_224"
    model_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `timm.create_model`."""
    fused_attention: bool = True
    """Whether attention is one kernel; on a CPU in bfloat16 timm's plain one trains faster."""
    image_size: int = 224
    image_column: str = "image"
    label_column: str = "label"
    classes: int | None = None
    """Number of classes, if it is to be checked."""
    train_split: str = "train"
    test_split: str = "test"
    holdout: float = 0.2
    evaluate_on_holdout: bool = False
    in_memory: bool = False
    """Decode all images once: for small ones, of one size."""
    skip_unreadable: bool = False
    """Leave out images that cannot be decoded, named in the log and counted in the record."""
    augmentation: str | None = None
    """timm's policy, such as `rand-m9-mstd0.5-inc1`; None for crops and flips alone."""
    flip: float = 0.5
    crop_scale: tuple[float, float] = (0.08, 1.0)
    color_jitter: float | None = None
    erasing: float = 0.0
    """Probability of random erasing."""
    repeats: int = 1
    """Augmented copies of a sample in a row, by timm's `RepeatAugSampler`."""
    interpolation: str = "bicubic"
    crop_pct: float = 1.0
    """Share of the resized image that evaluation looks at."""
    workers: int = 0

    def __post_init__(self) -> None:
        if not timm.is_model(self.model_name):
            hint = nearest(self.model_name, timm.list_models())
            raise UserError(f"timm has no model '{self.model_name}': {hint}")
        if not 0 < self.holdout < 1:
            raise UserError(f"holdout is a share of the training images: {self.holdout}")
        if self.repeats < 1 or self.workers < 0:
            raise UserError(
                f"repeats {self.repeats} must be at least 1, workers {self.workers} at least 0"
            )

    def class_count(self) -> int:
        """Return the number of classes that the option states, else that the data has."""
        return self.classes or len(self._classes)

    def create_options(self) -> dict[str, Any]:
        """Return further arguments of `timm.create_model`."""
        return self.model_options

    def model(self) -> nn.Module:
        options = {"num_classes": self.class_count(), **self.create_options()}
        try:
            model = timm.create_model(self.model_name, img_size=self.image_size, **options)
        except TypeError as error:
            if "img_size" not in str(error):
                raise UserError(f"model_options of {self.model_name}: {error}") from error
            model = timm.create_model(self.model_name, **options)  # convolutions take any size
        if not self.fused_attention:
            for module in model.modules():
                if hasattr(module, "fused_attn"):
                    module.fused_attn = False
        return model

    def example(self) -> Batch:
        size = self.image_size
        return torch.zeros(1, 3, size, size), torch.zeros(1, dtype=torch.long)

    def load(self) -> Splits:
        parts = [self._pictures(*part) for part in self._data.items()]
        whole = sum(len(part) for part in parts)
        if self.skip_unreadable:
            parts = [part.readable() for part in parts]
        raw = [part.raw for part in parts]
        return Splits(
            train=self._mapped(parts[0]),
            test=self._mapped(parts[1]),
            fingerprint=content_hash(raw, image=self.image_column, label=self.label_column),
            left_out=whole - sum(len(part) for part in parts),
        )

    @cached_property
    def _where(self) -> str:
        return str(self.path or self.local_name or self.hub)

    @cached_property
    def _classes(self) -> list[Any]:
        names = class_names(self._data["train"], self.label_column)
        if self.classes is not None and self.classes != len(names):
            raise UserError(
                f"{self._where} has {len(names)} classes, the option says {self.classes}"
            )
        if len(names) < 2:
            raise UserError(f"{self._where} has one class only ({names}); nothing to learn")
        return names

    @cached_property
    def _data(self) -> dict[str, "Dataset"]:
        """The split to train on under `train`, the one to evaluate on under its own name."""
        splits = open_images(path=self.path, hub=self.hub, local_name=self.local_name)
        if self.train_split not in splits:
            hint = nearest(self.train_split, list(splits))
            raise UserError(
                f"{self._where} has no split '{self.train_split}' (train_split): {hint}"
            )
        train = splits[self.train_split]
        columns = {"image": self.image_column, "label": self.label_column, "where": self._where}
        check_columns(train, **columns)
        if self.test_split in splits and not self.evaluate_on_holdout:
            check_columns(splits[self.test_split], **columns)
            return {"train": train, self.test_split: splits[self.test_split]}
        parts = train.train_test_split(test_size=self.holdout, seed=SPLIT_SEED)
        return {"train": parts["train"], "holdout": parts["test"]}

    def _pictures(self, split: str, data: "Dataset") -> Pictures:
        where = f"{self._where} ({split})"
        check_labels(data, self.label_column, self._classes, where=where)
        return Pictures.of(
            data,
            image=self.image_column,
            label=self.label_column,
            classes=self._classes,
            where=where,
        )

    def _mapped(self, pictures: Pictures) -> MappedData:
        source = pictures.in_memory() if self.in_memory else pictures
        return MappedData(
            read=source.read,
            size=len(source),
            training_transform=self._transform(is_training=True),
            evaluation_transform=self._transform(is_training=False),
            workers=self.workers,
            repeats=self.repeats,
        )

    def _transform(self, *, is_training: bool) -> Callable[[Any], torch.Tensor]:
        try:
            return create_transform(
                input_size=(3, self.image_size, self.image_size),
                is_training=is_training,
                scale=self.crop_scale,
                hflip=self.flip,
                auto_augment=self.augmentation,
                color_jitter=self.color_jitter,
                re_prob=self.erasing,
                interpolation=self.interpolation,
                crop_pct=self.crop_pct,
            )
        except (AssertionError, KeyError, ValueError) as error:
            if not self.augmentation:
                raise UserError(f"no such augmentation: {error}") from error
            raise UserError(
                f"augmentation '{self.augmentation}' is no policy of timm, such as "
                f"rand-m9-mstd0.5-inc1"
            ) from error
