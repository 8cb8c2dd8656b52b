"""Images that live on the device, augmented there batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import Tensor

from pgf.errors import UserError
from pgf.seeds import seed_for
from pgf.tasks.data.crops import Crops, cropped, flipped
from pgf.tasks.data.pictures import Pictures
from pgf.tasks.data.streams import Batch, IndexedData, Place, moved

WHOLE = (1.0, 1.0)
BILINEAR = "bilinear"


@dataclass(frozen=True)
class PixelData(IndexedData):
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
        cls,
        pictures: Pictures,
        *,
        size: int,
        scale: tuple[float, float],
        flip: float,
        repeats: int,
        interpolation: str,
    ) -> "PixelData":
        """Return images as training data, all decoded.

        Args:
            pictures: the images.
            size: height and width of what is trained on.
            scale: see the field.
            flip: see the field.
            repeats: see the field.
            interpolation: how crops are to be resized; it must be bilinear if any are.

        Raises:
            UserError: one cannot be decoded, they differ in size, or are not what can be cropped.
        """
        check_size(*pictures.read(0)[0].size, size=size, interpolation=interpolation)
        stored = pictures.in_memory("on_device")
        pixels = torch.from_numpy(stored.pixels).permute(0, 3, 1, 2).contiguous()
        return cls(pixels, torch.tensor(stored.labels), size, scale, flip, repeats)

    def __len__(self) -> int:
        return len(self.labels)

    def _batches(self, places: Iterator[Place], seed: int) -> Iterator[Batch]:
        drawn = None
        for epoch, start, indices in places:
            if drawn is None or drawn[0] != epoch:
                drawn = epoch, self.draw(seed_for(seed, "augmentation", epoch))
            yield self._batch(indices, drawn[1][start : start + len(indices)])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield every sample once, whole and unflipped."""
        height, width = self.pixels.shape[2:]
        whole = torch.tensor([[0, 0, height, width]], dtype=torch.float64)
        for indices in torch.arange(len(self)).split(batch_size):
            count = len(indices)
            crops = Crops(whole.expand(count, -1), torch.zeros(count, dtype=torch.bool))
            yield self._batch(indices, crops.on(self.pixels.device))

    def on(self, device: torch.device) -> "PixelData":
        """Return the data set in the memory of a device.

        Raises:
            UserError: it does not fit there.
        """
        try:
            return replace(self, pixels=self.pixels.to(device), labels=self.labels.to(device))
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"the GPU's memory does not hold {len(self)} images, "
                f"{self.pixels.nbytes / 2**20:.0f} MB: leave out on_device"
            ) from error

    def draw(self, seed: int) -> Crops:
        """Return the crops of an epoch by position in it, on the device."""
        height, width = self.pixels.shape[2:]
        crops = Crops.draw(
            len(self), height=height, width=width, scale=self.scale, flip=self.flip, seed=seed
        )
        return crops.on(self.pixels.device)

    @property
    def uncropped(self) -> bool:
        """True if every crop is the whole image: no other fits into a square, rounded."""
        return self.scale == WHOLE and self.pixels.shape[2:] == (self.size, self.size)

    @cached_property
    def _scaling(self) -> tuple[Tensor, Tensor]:
        mean, std = (
            torch.tensor(values, device=self.pixels.device)[:, None, None]
            for values in (IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD)
        )
        return mean, std

    def _batch(self, indices: Tensor, crops: Crops) -> Batch:
        there = moved(indices, self.pixels.device)
        mean, std = self._scaling
        # In torchvision's order of operations, so that an untouched image is bitwise the same.
        pixels = (self.pixels[there].float() / 255 - mean) / std
        if self.uncropped:
            return flipped(pixels, crops), self.labels[there]
        return cropped(pixels, crops, size=self.size), self.labels[there]


def check_size(width: int, height: int, *, size: int, interpolation: str) -> None:
    """Check that images of a size can be trained on at another.

    Raises:
        UserError: crops would have to be shrunk, or whole images resized in another way.
    """
    if max(height, width) > size:
        raise UserError(
            f"on_device enlarges crops and shrinks none: the images have {width}x{height} "
            f"pixels, image_size is {size}; it must not be less"
        )
    if (height, width) != (size, size) and interpolation != BILINEAR:
        raise UserError(
            f"on_device: images of {width}x{height} pixels are resized to {size}x{size}, and that "
            f"bilinearly: set interpolation: bilinear instead of {interpolation}"
        )
