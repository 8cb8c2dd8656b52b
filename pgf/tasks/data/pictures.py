"""Labelled images: decoded by row or once for all, and transformed to tensors."""

import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from timm.data import create_transform
from torch import Tensor

from pgf.errors import UserError

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)
NAMED = 5
"""Unreadable images that a message names before it only counts."""

UNREADABLE = (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError)
"""Pillow's exceptions for a broken file, `UnidentifiedImageError` among them."""


@dataclass(frozen=True)
class Pictures:
    """The images of a split as RGB, with labels counted from 0."""

    raw: "Dataset"
    """The split with images not decoded: rows of `bytes` or `path`."""
    image: str
    label: str
    number: dict[Any, int]
    """Label as stored -> class number."""
    where: str
    """Name of data set and split, for messages."""

    @classmethod
    def of(
        cls, data: "Dataset", *, image: str, label: str, classes: Sequence[Any], where: str
    ) -> "Pictures":
        """Return the images of a split whose columns are checked."""
        from datasets import Image as ImageFeature  # takes seconds

        raw = data.cast_column(image, ImageFeature(decode=False))
        return cls(raw, image, label, {name: i for i, name in enumerate(classes)}, where)

    def __len__(self) -> int:
        return len(self.raw)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """Return an image and its class.

        Raises:
            UserError: it cannot be decoded; it names the image.
        """
        row = self.raw[index]
        try:
            return _decode(row[self.image]), self.number[row[self.label]]
        except UNREADABLE as error:
            raise UserError(
                f"{self._name(index)} cannot be read ({error}); mend or remove it, or set "
                f"skip_unreadable: true, which reads every image first and leaves out such ones"
            ) from error

    def readable(self) -> "Pictures":
        """Return only the images that can be decoded, after trying every one; log the others.

        Raises:
            UserError: there is none.
        """
        bad = [index for index in range(len(self)) if not self._can_read(index)]
        if not bad:
            return self
        names = ", ".join(self._name(index) for index in bad[:NAMED])
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        log.warning("%d of %d images left out: %s%s", len(bad), len(self), names, more)
        if len(bad) == len(self):
            raise UserError(f"{self.where}: none of the {len(bad)} images can be read")
        left_out = set(bad)
        kept = self.raw.select(i for i in range(len(self)) if i not in left_out)
        return Pictures(kept, self.image, self.label, self.number, self.where)

    def in_memory(self, option: str = "in_memory") -> "StoredPictures":
        """Return the images decoded once for all, as an option asks.

        Raises:
            UserError: one cannot be decoded, or they are not all of one size.
        """
        first = np.asarray(self.read(0)[0])
        pixels = np.empty((len(self), *first.shape), dtype=np.uint8)
        labels = []
        for index in range(len(self)):
            picture, label = self.read(index)
            own = np.asarray(picture)
            if own.shape != first.shape:
                raise UserError(
                    f"{option}: {self._name(index)} has {own.shape[1]}x{own.shape[0]} pixels, the "
                    f"first one {first.shape[1]}x{first.shape[0]}; it needs images of one size"
                )
            pixels[index] = own
            labels.append(label)
        return StoredPictures(pixels, labels)

    def _can_read(self, index: int) -> bool:
        try:
            self.read(index)
        except UserError:
            return False
        return True

    def _name(self, index: int) -> str:
        path = (self.raw[index][self.image] or {}).get("path")
        return f"{self.where}: image {index}" + (f" ({path})" if path else "")


@dataclass(frozen=True)
class StoredPictures:
    """Decoded images of one size."""

    pixels: NDArray[np.uint8]
    """(image, height, width, channel)."""
    labels: list[int]

    def __len__(self) -> int:
        return len(self.labels)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """Return an image and its class."""
        return Image.fromarray(self.pixels[index]), self.labels[index]


def _decode(picture: dict[str, Any]) -> Image.Image:
    source = io.BytesIO(picture["bytes"]) if picture["bytes"] else picture["path"]
    with Image.open(source) as opened:
        return opened.convert("RGB")


def transform(**options: Any) -> Callable[[Any], Tensor]:
    """Return timm's transform of an image to a tensor; arguments as for `create_transform`.

    Raises:
        UserError: timm does not know the augmentation policy.
    """
    try:
        return create_transform(**options)
    except (AssertionError, KeyError, ValueError) as error:
        raise UserError(
            f"augmentation '{options['auto_augment']}' is no policy of timm, such as "
            f"rand-m9-mstd0.5-inc1"
        ) from error
