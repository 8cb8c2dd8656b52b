"""Images that live on the device, augmented there batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from pgf.data.crops import Crops, cropped
from pgf.data.pictures import StoredPictures
from pgf.data.streams import ALL, Batch, Part, index_batches
from pgf.errors import UserError
from pgf.seeds import seed_for

WHOLE = (1.0, 1.0)


@dataclass(frozen=True)
class PixelData:
    """Small images of one size, as bytes; crops and flips are drawn epoch by epoch."""

    pixels: Tensor
    """(samples, channels, height, width), uint8."""
    labels: Tensor
    size: int
    """Height and width of what is trained on; no smaller than the images."""
    scale: tuple[float, float] = (0.08, 1.0)
    """Least and largest share of an image's area in a crop."""
    flip: float = 0.5
    repeats: int = 1
    """Augmented copies of a sample in a row: repeated augmentation (arXiv 1901.09335)."""

    @classmethod
    def of(
        cls, stored: StoredPictures, *, size: int, interpolation: str, **how: Any
    ) -> "PixelData":
        """Return decoded images as training data.

        Args:
            stored: the images.
            size: height and width of what is trained on.
            interpolation: how crops are to be resized; it must be bilinear if any are.
            **how: `scale`, `flip` and `repeats`.

        Raises:
            UserError: crops would have to be shrunk, or resized in another way.
        """
        height, width = stored.pixels.shape[1:3]
        if max(height, width) > size:
            raise UserError(
                f"on_device enlarges crops and shrinks none: the images have {width}x{height} "
                f"pixels, image_size is {size}; it must not be less"
            )
        data = cls(_channels_first(stored), torch.tensor(stored.labels), size, **how)
        if (height, width, data.scale) != (size, size, WHOLE) and interpolation != "bilinear":
            raise UserError(
                f"on_device resizes bilinearly: set interpolation: bilinear instead of "
                f"{interpolation}, or crop_scale: [1.0, 1.0] for images of {size}x{size} pixels"
            )
        return data

    def __len__(self) -> int:
        return len(self.labels)

    def stream(
        self, *, batch_size: int, seed: int, first_step: int = 0, part: Part = ALL
    ) -> Iterator[Batch]:
        """Yield training batches for ever, or a process's share of them."""
        batches = index_batches(
            len(self),
            batch_size=batch_size,
            seed=seed,
            first_step=first_step,
            part=part,
            repeats=self.repeats,
        )
        drawn = None
        for epoch, start, indices in batches:
            if drawn is None or drawn[0] != epoch:
                drawn = epoch, self._draw(seed_for(seed, "augmentation", epoch))
            yield self._batch(indices, drawn[1][start : start + len(indices)])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once, whole and unflipped."""
        height, width = self.pixels.shape[2:]
        whole = torch.tensor([[0, 0, height, width]], dtype=torch.float64)
        for indices in torch.arange(len(self)).split(batch_size):
            count = len(indices)
            crops = Crops(whole.expand(count, -1), torch.zeros(count, dtype=torch.bool))
            yield self._batch(indices, crops)

    def on(self, device: torch.device) -> "PixelData":
        """Return the data set in the memory of a device."""
        return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))

    def _draw(self, seed: int) -> Crops:
        height, width = self.pixels.shape[2:]
        return Crops.draw(
            len(self), height=height, width=width, scale=self.scale, flip=self.flip, seed=seed
        )

    @cached_property
    def _scaling(self) -> tuple[Tensor, Tensor]:
        mean, std = (
            torch.tensor(values, device=self.pixels.device)[:, None, None]
            for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
        )
        return mean, std

    def _batch(self, indices: Tensor, crops: Crops) -> Batch:
        there = indices.to(self.pixels.device)
        # In torchvision's order of operations, so that an untouched image is bitwise the same.
        pixels = self.pixels[there].float() / 255
        mean, std = self._scaling
        return cropped((pixels - mean) / std, crops, size=self.size), self.labels[there]


def _channels_first(stored: StoredPictures) -> Tensor:
    return torch.from_numpy(stored.pixels).permute(0, 3, 1, 2).contiguous()
