"""`images`: any timm model on labelled images, by config alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import timm
import torch
from pydantic import Field
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from pgf.errors import UserError, nearest
from pgf.tasks.base import register
from pgf.tasks.data.images import class_names, content_hash, open_images, train_and_test
from pgf.tasks.data.mapped import MappedData
from pgf.tasks.data.pictures import Pictures, transform
from pgf.tasks.data.pixels import BILINEAR, WHOLE, PixelData
from pgf.tasks.data.streams import Batch, Splits
from pgf.tasks.timm_models import created, narrower_widths
from pgf.tasks.vision import ImageClassification

if TYPE_CHECKING:
    from datasets import Dataset

Interpolation = Literal["bicubic", "bilinear", "nearest", "box", "hamming", "lanczos", "random"]
NOT_ON_THE_DEVICE = ("augmentation", "color_jitter", "erasing")
RESERVED = {
    "num_classes": "it comes from the data, or the option classes",
    "img_size": "use the option image_size",
    "in_chans": "images are read as RGB",
    "features_only": "a classifier is trained",
}
"""Arguments of `timm.create_model` that a task's own options stand for."""


@register("images")
@dataclass(frozen=True, kw_only=True)
class Images(ImageClassification):
    """Class folders, parquet files or a data set of the hub, with an image and a label column.

    Evaluated is the split `test`, else `validation`, else `holdout` of the training images, set
    apart by a fixed draw. With `evaluate_on_holdout` it is always these, and other splits stay
    unread: settings are chosen there. The record says which it was.
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
    """Compute attention in one kernel; on a CPU in bfloat16 timm's plain attention is faster."""
    image_size: Annotated[int, Field(ge=1)] = 224
    image_column: str = "image"
    label_column: str = "label"
    classes: Annotated[int, Field(ge=2)] | None = None
    """Number of classes, if it is to be checked."""
    train_split: str = "train"
    test_split: str | None = None
    """The split to evaluate on, if it is to be this one and no other."""
    holdout: Annotated[float, Field(gt=0, lt=1)] = 0.2
    evaluate_on_holdout: bool = False
    in_memory: bool = False
    """Decode all images once: for small ones, of one size."""
    on_device: bool = False
    """Keep all training images on the device, and crop and flip whole batches there: for images of
    one size, at most `image_size`, resized bilinearly. It draws other crops than one by one."""
    skip_unreadable: bool = False
    """Leave out images that cannot be decoded, named in the log and counted in the record."""
    augmentation: str | None = None
    """timm's policy, such as `rand-m9-mstd0.5-inc1`; None for crops and flips alone."""
    flip: Annotated[float, Field(ge=0, le=1)] = 0.5
    crop_scale: tuple[float, float] = (0.08, 1.0)
    color_jitter: Annotated[float, Field(ge=0)] | None = None
    erasing: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability of random erasing."""
    repeats: Annotated[int, Field(ge=1)] = 1
    """Augmented copies of a sample in a row, by timm's `RepeatAugSampler`."""
    interpolation: Interpolation = "bicubic"
    crop_pct: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the resized image that evaluation looks at."""
    workers: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if not timm.is_model(self.model_name):
            hint = nearest(self.model_name, timm.list_models())
            raise UserError(f"timm has no model '{self.model_name}': {hint}")
        for key in RESERVED:
            if key in self.model_options:
                raise UserError(f"model_options: {key} is not for the model alone: {RESERVED[key]}")
        low, high = self.crop_scale
        others = [name for name in NOT_ON_THE_DEVICE if getattr(self, name)]
        resized = (low, high) != WHOLE and self.interpolation != BILINEAR
        checks = {
            f"on_device resizes crops bilinearly: set interpolation: bilinear instead of "
            f"{self.interpolation}, or crop_scale: [1.0, 1.0] for whole images": not (
                self.on_device and resized
            ),
            f"on_device knows crops and flips alone, no {', '.join(others)}": not (
                self.on_device and others
            ),
            f"crop_scale is a range of shares, in (0, 1]: {self.crop_scale}": 0 < low <= high <= 1,
        }
        for message, holds in checks.items():
            if not holds:
                raise UserError(message)

    def class_count(self) -> int:
        """Return the number of classes that the option states, else that the data has."""
        return self.classes or len(self._classes)

    def create_options(self) -> dict[str, Any]:
        """Return further arguments of `timm.create_model`."""
        return self.model_options

    def model(self) -> nn.Module:
        options = {"num_classes": self.class_count(), **self.create_options()}
        model = created(self.model_name, options, image_size=self.image_size)
        if not self.fused_attention:
            attention: Any
            for attention in model.modules():
                if hasattr(attention, "fused_attn"):
                    attention.fused_attn = False
        return model

    def as_the_paper_counts(self) -> "Images":
        """Return the task with a ViT of patches alone: the paper counts 196 of 197 tokens."""
        with torch.device("meta"):
            model = self.model()
        if not (isinstance(model, VisionTransformer) and model.has_class_token):
            return self
        options = {**self.model_options, "class_token": False, "global_pool": "avg"}
        return replace(self, model_options=options)

    def narrower(self) -> Iterator["Images"]:
        """Yield the task with narrower Vision Transformers; nothing for other models."""
        with torch.device("meta"):
            model = self.model()
        classes = self.class_count()  # or every width would count them in the data anew
        for width in narrower_widths(model):
            options = {**self.model_options, "embed_dim": width}
            yield replace(self, model_options=options, classes=classes)

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
            train=self._on_device(parts[0]) if self.on_device else self._mapped(parts[0]),
            test=self._mapped(parts[1]),
            fingerprint=content_hash(raw, image=self.image_column, label=self.label_column),
            test_name=list(self._data)[1],
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
        return train_and_test(
            open_images(path=self.path, hub=self.hub, local_name=self.local_name),
            train_split=self.train_split,
            test_split=self.test_split,
            holdout=self.holdout,
            holdout_alone=self.evaluate_on_holdout,
            image=self.image_column,
            label=self.label_column,
            where=self._where,
        )

    def _pictures(self, split: str, data: "Dataset") -> Pictures:
        return Pictures.of(
            data,
            image=self.image_column,
            label=self.label_column,
            classes=self._classes,
            where=f"{self._where} ({split})",
        )

    def _mapped(self, pictures: Pictures) -> MappedData:
        kept = self.in_memory or self.on_device
        source = pictures.in_memory() if kept else pictures
        return MappedData(
            read=source.read,
            size=len(source),
            training_transform=self._transform(True),
            evaluation_transform=self._transform(False),
            workers=self.workers,
            repeats=self.repeats,
        )

    def _transform(self, is_training: bool) -> Callable[[Any], torch.Tensor]:
        return transform(
            is_training=is_training,
            input_size=(3, self.image_size, self.image_size),
            scale=self.crop_scale,
            hflip=self.flip,
            auto_augment=self.augmentation,
            color_jitter=self.color_jitter,
            re_prob=self.erasing,
            interpolation=self.interpolation,
            crop_pct=self.crop_pct,
        )

    def _on_device(self, pictures: Pictures) -> PixelData:
        return PixelData.of(
            pictures,
            size=self.image_size,
            scale=(self.crop_scale[0], self.crop_scale[1]),
            flip=self.flip,
            repeats=self.repeats,
            interpolation=self.interpolation,
        )
