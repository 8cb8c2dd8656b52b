"""Random resized crops and flips of whole batches, on whatever device the pixels are.

What is drawn follows timm's `RandomResizedCropAndInterpolation` and torchvision's
`RandomHorizontalFlip`; the numbers are drawn on the CPU, so that all devices see the same crops.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

ATTEMPTS = 10
RATIO = (3 / 4, 4 / 3)
"""Width over height of a crop."""


@dataclass(frozen=True)
class Crops:
    """Area and flip of each sample's crop."""

    boxes: Tensor
    """(samples, 4): top, left, height and width in whole pixels, as float64."""
    flipped: Tensor
    """(samples,) bool: mirrored left to right."""

    def __getitem__(self, part: slice) -> "Crops":
        return Crops(self.boxes[part], self.flipped[part])

    @classmethod
    def draw(
        cls,
        count: int,
        *,
        height: int,
        width: int,
        scale: tuple[float, float],
        flip: float,
        seed: int,
    ) -> "Crops":
        """Draw for so many images of one size.

        Args:
            count: images.
            height: in pixels.
            width: in pixels.
            scale: least and largest share of the image's area, before its ratio is drawn.
            flip: probability.
            seed: of all that is drawn.
        """
        generator = torch.Generator().manual_seed(seed)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=torch.float64)

        area = uniform(count, ATTEMPTS) * (scale[1] - scale[0]) + scale[0]
        low, high = map(math.log, RATIO)
        ratio = (uniform(count, ATTEMPTS) * (high - low) + low).exp()
        sides, found = _first_that_fits(area * (height * width), ratio, height=height, width=width)
        room = torch.tensor([height, width]) - sides
        corners = (uniform(count, 2) * (room + 1)).floor().clamp(max=room)
        corners = torch.where(found, corners, room // 2)
        return cls(torch.cat([corners, sides], dim=1), uniform(count) < flip)

    def on(self, device: torch.device) -> "Crops":
        """Return them in the memory of a device."""
        return Crops(self.boxes.to(device), self.flipped.to(device))


def _first_that_fits(
    area: Tensor, ratio: Tensor, *, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """Return height and width, (samples, 2), of the first attempt that lies inside the image.

    Where none does, as much of the image as the bounds of the ratio leave. And whether one did.
    """
    sides = torch.stack([area / ratio, area * ratio], dim=2).sqrt().round().clamp(min=1)
    whole = torch.tensor([height, width], dtype=sides.dtype)
    fits = (sides <= whole).all(dim=2)
    first = sides[torch.arange(len(sides)), fits.int().argmax(dim=1)]
    most = [min(height, round(width / RATIO[0])), min(width, round(height * RATIO[1]))]
    found = fits.any(dim=1, keepdim=True)
    return torch.where(found, first, torch.tensor(most, dtype=sides.dtype)), found


def flipped(pixels: Tensor, crops: Crops) -> Tensor:
    """Return whole images, those mirrored that are to be: (samples, channels, height, width)."""
    return torch.where(crops.flipped[:, None, None, None], pixels.flip(3), pixels)


def cropped(pixels: Tensor, crops: Crops, *, size: int) -> Tensor:
    """Return the crops, enlarged to a size bilinearly as Pillow does, and mirrored.

    Args:
        pixels: (samples, channels, height, width), floating.
        crops: one of each sample, on the same device; no side is longer than `size`, as nothing is
            smoothed.
        size: height and width of the result.
    """
    height, width = pixels.shape[2:]
    top, left, tall, wide = crops.boxes.to(pixels.dtype).unsqueeze(2).unbind(1)
    steps = (torch.arange(size, device=pixels.device) + 0.5) / size
    along = torch.where(crops.flipped[:, None], 1 - steps, steps)
    down = top + (steps * tall).clamp(min=0.5).minimum(tall - 0.5)
    across = left + (along * wide).clamp(min=0.5).minimum(wide - 0.5)
    grid = torch.stack(
        [
            (2 * across / width - 1)[:, None, :].expand(-1, size, -1),
            (2 * down / height - 1)[:, :, None].expand(-1, -1, size),
        ],
        dim=3,
    )
    return grid_sample(pixels, grid, padding_mode="border", align_corners=False)
