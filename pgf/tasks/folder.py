"""`folder_vit`: any timm model on a local folder of images, by config alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.data import create_transform
from torch import nn

from pgf.data.images import (
    as_images,
    check_columns,
    check_labels,
    class_names,
    content_hash,
    load_images,
)
from pgf.data.streams import MappedData, Splits
from pgf.errors import UserError, nearest
from pgf.tasks.base import register
from pgf.tasks.vision import ImageClassification

if TYPE_CHECKING:
    from datasets import Dataset

SPLIT_SEED = 20240204


@register("folder_vit")
@dataclass(frozen=True, kw_only=True)
class FolderVit(ImageClassification):
    """Class folders, or parquet files with an image and a label column.

    Without a test split of their own, `holdout` of the training images are set apart by a fixed
    draw. With `evaluate_on_holdout` that happens also where there is a test split, which then stays
    unread: settings are chosen there.
    """

    path: str
    model_name: str = "vit_tiny_patch16_224"
    model_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `timm.create_model`."""
    image_size: int = 224
    image_column: str = "image"
    label_column: str = "label"
    classes: int | None = None
    """Number of classes, if it is to be checked."""
    train_split: str = "train"
    test_split: str = "test"
    holdout: float = 0.2
    evaluate_on_holdout: bool = False
    augmentation: str | None = None
    """timm's policy, such as `rand-m9-mstd0.5-inc1`; None for crops and flips alone."""
    flip: float = 0.5
    crop_scale: tuple[float, float] = (0.08, 1.0)
    workers: int = 0

    def __post_init__(self) -> None:
        if not timm.is_model(self.model_name):
            hint = nearest(self.model_name, timm.list_models())
            raise UserError(f"timm has no model '{self.model_name}': {hint}")
        if not 0 < self.holdout < 1:
            raise UserError(f"holdout is a share of the training images: {self.holdout}")

    def class_count(self) -> int:
        return len(self._classes)

    def model(self) -> nn.Module:
        options: dict[str, Any] = {"num_classes": self.class_count(), **self.model_options}
        try:
            return timm.create_model(self.model_name, img_size=self.image_size, **options)
        except TypeError as error:
            if "img_size" not in str(error):
                raise UserError(f"model_options of {self.model_name}: {error}") from error
            return timm.create_model(self.model_name, **options)  # convolutions take any size

    def load(self) -> Splits:
        train, test = self._data
        for part, name in ((train, self.train_split), (test, self.test_split)):
            where = f"{self.path} ({name})"
            check_labels(part, self.label_column, self._classes, where=where)
        fingerprint = content_hash([train, test], image=self.image_column, label=self.label_column)
        return Splits(train=self._mapped(train), test=self._mapped(test), fingerprint=fingerprint)

    @cached_property
    def _classes(self) -> list[Any]:
        names = class_names(self._data[0], self.label_column)
        if self.classes is not None and self.classes != len(names):
            raise UserError(f"{self.path} has {len(names)} classes, the option says {self.classes}")
        if len(names) < 2:
            raise UserError(f"{self.path} has one class only ({names}); nothing to learn")
        return names

    @cached_property
    def _data(self) -> tuple["Dataset", "Dataset"]:
        splits = load_images(self.path)
        if self.train_split not in splits:
            hint = nearest(self.train_split, list(splits))
            raise UserError(f"{self.path} has no split '{self.train_split}' (train_split): {hint}")
        train = splits[self.train_split]
        columns = {"image": self.image_column, "label": self.label_column, "where": self.path}
        check_columns(train, **columns)
        if self.test_split in splits and not self.evaluate_on_holdout:
            check_columns(splits[self.test_split], **columns)
            return train, splits[self.test_split]
        parts = train.train_test_split(test_size=self.holdout, seed=SPLIT_SEED)
        return parts["train"], parts["test"]

    def _mapped(self, data: "Dataset") -> MappedData:
        data = as_images(data, self.image_column)
        number = {name: i for i, name in enumerate(self._classes)}

        def read(index: int) -> tuple[Any, int]:
            row = data[index]
            return row[self.image_column], number[row[self.label_column]]

        return MappedData(
            read=read,
            size=len(data),
            training_transform=self._transform(is_training=True),
            evaluation_transform=self._transform(is_training=False),
            workers=self.workers,
        )

    def _transform(self, *, is_training: bool) -> Callable[[Any], torch.Tensor]:
        try:
            return create_transform(
                input_size=(3, self.image_size, self.image_size),
                is_training=is_training,
                scale=self.crop_scale,
                hflip=self.flip,
                auto_augment=self.augmentation,
                color_jitter=None,
                interpolation="bicubic",
                crop_pct=1.0,
            )
        except (AssertionError, KeyError, ValueError) as error:
            if not self.augmentation:
                raise
            raise UserError(
                f"augmentation '{self.augmentation}' is no policy of timm, such as "
                f"rand-m9-mstd0.5-inc1"
            ) from error
