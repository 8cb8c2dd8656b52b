"""Images on the device: the same pixels, and crops drawn by the law of timm's."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from support.images import class_folders
from torch import Tensor

from pgf.errors import UserError
from pgf.tasks.data.crops import ATTEMPTS, RATIO, Crops, cropped
from pgf.tasks.data.mapped import MappedData
from pgf.tasks.data.pixels import PixelData
from pgf.tasks.images import Images

OPTIONS: dict[str, Any] = {
    "model_name": "vit_tiny_patch16_224",
    "model_options": {"patch_size": 10, "embed_dim": 16, "depth": 1, "num_heads": 2},
    "image_size": 20,
    "interpolation": "bilinear",
}
"""The images are 20 pixels wide and 12 high."""


def loaded(tmp_path: Path, **options: Any) -> PixelData:
    folder = tmp_path / "images"
    path = str(folder if folder.exists() else class_folders(tmp_path))
    data = Images(path=path, on_device=True, **{**OPTIONS, **options}).load().train
    assert isinstance(data, PixelData)
    return data


def square(count: int = 12, size: int = 8, **options: Any) -> PixelData:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8)
    return PixelData(torch.from_numpy(pixels), torch.arange(count), size, **options)


def drawn(**options: Any) -> Crops:
    return Crops.draw(
        **{"count": 400, "height": 24, "width": 32, "scale": (0.08, 1), "flip": 0.5, "seed": 1}
        | options
    )


def by_hand(area: float, ratios: Tensor, *, height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of every attempt that lies inside the image."""
    sides = [(math.sqrt(area / r), math.sqrt(area * r)) for r in ratios.tolist()]
    rounded = [(round(tall), round(wide)) for tall, wide in sides]
    return [(tall, wide) for tall, wide in rounded if tall <= height and wide <= width]


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    scale=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)).map(sorted),
    seed=st.integers(0, 2**32),
)
def test_every_crop_lies_inside_its_image(
    height: int, width: int, scale: list[float], seed: int
) -> None:
    low, high = scale
    boxes = drawn(count=30, height=height, width=width, scale=(low, high), seed=seed).boxes
    assert torch.equal(boxes, boxes.round())
    top, left, tall, wide = boxes.unbind(1)
    assert (top >= 0).all() and (left >= 0).all() and (tall > 0).all() and (wide > 0).all()
    assert (top + tall <= height).all() and (left + wide <= width).all()


def test_areas_ratios_places_and_flips_are_uniform_over_their_ranges() -> None:
    crops = drawn(count=20_000, height=1000, width=1000, scale=(0.1, 0.5))
    top, left, tall, wide = crops.boxes.unbind(1)
    low, high = map(math.log, RATIO)
    shares = {
        "area": (tall * wide / 1e6 - 0.1) / 0.4,
        "ratio": ((wide / tall).log() - low) / (high - low),
        "top": top / (1000 - tall),
        "left": left / (1000 - wide),
    }
    for name, values in shares.items():
        quantiles = torch.quantile(values, torch.tensor([0.1, 0.5, 0.9], dtype=values.dtype))
        assert torch.allclose(quantiles, quantiles.new_tensor([0.1, 0.5, 0.9]), atol=0.02), name
    assert crops.flipped.double().mean() == pytest.approx(0.5, abs=0.02)
    few = drawn(count=4000, height=4, width=4, scale=(0.56, 0.56)).boxes
    assert few[few[:, 2] == 3][:, 0].mean() == pytest.approx(0.5, abs=0.05)  # 0 or 1
    assert not drawn(flip=0.0).flipped.any() and drawn(flip=1.0).flipped.all()


@pytest.mark.parametrize(("height", "width"), [(24, 32), (10, 40), (40, 10)])
def test_the_first_attempt_inside_the_image_is_taken(height: int, width: int) -> None:
    crops = drawn(count=200, height=height, width=width, scale=(0.7, 0.7))
    generator = torch.Generator().manual_seed(1)
    torch.rand(200, ATTEMPTS, generator=generator, dtype=torch.float64)
    shares = torch.rand(200, ATTEMPTS, generator=generator, dtype=torch.float64)
    low, high = map(math.log, RATIO)
    ratios = (low + (high - low) * shares).exp()
    most = [min(height, round(width * 4 / 3)), min(width, round(height * 4 / 3))]
    fell_back = 0
    for box, own in zip(crops.boxes.tolist(), ratios, strict=True):
        inside = by_hand(0.7 * height * width, own, height=height, width=width)
        assert box[2:] == list(inside[0] if inside else most)
        if not inside:
            fell_back += 1
            assert box[:2] == [(height - most[0]) // 2, (width - most[1]) // 2]
    assert (fell_back == 200) == (height != 24)


def test_crops_are_enlarged_as_pillow_does_it() -> None:
    crops = drawn(count=40, height=12, width=20)
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 20, 3), dtype=np.uint8)
    inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    found = cropped(inputs, crops, size=24)
    for i, (top, left, tall, wide) in enumerate(crops.boxes.int().tolist()):
        image = Image.fromarray(pixels[i]).crop((left, top, left + wide, top + tall))
        image = image.resize((24, 24), Image.Resampling.BILINEAR)
        if crops.flipped[i]:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        expected = torch.from_numpy(np.array(image)).permute(2, 0, 1).float()
        # Pillow rounds to whole numbers after each of two passes.
        assert (found[i] - expected).abs().max() <= 1.01, i


def test_whole_images_are_bitwise_those_of_the_evaluation(tmp_path: Path) -> None:
    folder = class_folders(tmp_path)
    for path in folder.glob("*/*.png"):
        Image.open(path).crop((0, 0, 12, 12)).save(path)
    options = {**OPTIONS, "image_size": 12, "crop_scale": (1.0, 1.0), "interpolation": "bicubic"}
    task = Images(path=str(folder), on_device=True, **options)
    ours, theirs = task.load().train, replace(task, on_device=False).load().train
    assert isinstance(theirs, MappedData)
    (one,), (other,) = ours.in_order(100), theirs.in_order(100)
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    for flip in (0.0, 1.0):
        assert isinstance(ours, PixelData)
        for image, label in zip(
            *next(replace(ours, flip=flip).stream(batch_size=6, seed=3)), strict=True
        ):
            same = [torch.equal(image, w.flip(2) if flip else w) for w in other[0]]
            assert other[1][same.index(True)] == label


def test_a_run_goes_on_with_the_crops_of_its_step() -> None:
    data = square()
    batches = data.stream(batch_size=4, seed=1)
    first = [next(batches)[0] for _ in range(6)]
    torch.manual_seed(17)
    later = data.stream(batch_size=4, seed=1, first_step=4)
    assert all(torch.equal(next(later)[0], batch) for batch in first[4:])


def test_every_epoch_and_seed_has_crops_of_its_own() -> None:
    """All images are the same: what differs is how they are cropped."""
    data = square(4)
    alike = replace(data, pixels=data.pixels[:1].expand(4, -1, -1, -1))
    seen = []
    for seed in (1, 2):
        batches = alike.stream(batch_size=4, seed=seed)
        seen += [next(batches)[0] for _ in range(2)]
    assert all(not torch.equal(a, b) for i, a in enumerate(seen) for b in seen[:i])


@pytest.mark.parametrize("scale", [(0.9, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("size", [8, 28])
@pytest.mark.parametrize("repeats", [1, 3])
def test_shares_of_a_batch_are_the_batch(
    repeats: int, size: int, scale: tuple[float, float]
) -> None:
    data = square(repeats=repeats, size=size, scale=scale)
    whole = data.stream(batch_size=6, seed=1)
    parts = [data.stream(batch_size=6, seed=1, part=(i, 6)) for i in range(6)]
    for _ in range(6):
        inputs, labels = next(whole)
        shares = [next(part) for part in parts]
        assert torch.equal(torch.cat([share[0] for share in shares]), inputs)
        assert torch.equal(torch.cat([share[1] for share in shares]), labels)
    if repeats > 1:
        assert any(labels.tolist().count(label) > 1 for label in labels.tolist())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 32, 96, 224])
def test_of_a_square_at_full_scale_nothing_is_cut_off(size: int) -> None:
    boxes = drawn(count=2000, height=size, width=size, scale=(1.0, 1.0)).boxes
    assert (boxes == torch.tensor([0, 0, size, size])).all()


@pytest.mark.gpu
@pytest.mark.parametrize("scale", [(0.08, 1.0), (1.0, 1.0)])
def test_a_gpu_crops_as_a_cpu_does(scale: tuple[float, float]) -> None:
    data = square(scale=scale)
    there = data.on(torch.device("cuda")).stream(batch_size=6, seed=1)
    for _, (inputs, labels) in zip(range(4), data.stream(batch_size=6, seed=1), strict=False):
        found, own = next(there)
        assert found.device.type == "cuda"
        assert torch.allclose(found.cpu(), inputs, atol=1e-4) and torch.equal(own.cpu(), labels)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"augmentation": "rand-m9-mstd0.5-inc1", "erasing": 0.1}, "no augmentation, erasing"),
        ({"color_jitter": 0.4}, "no color_jitter"),
        ({"image_size": 10}, "20x12 pixels, image_size is 10; it must not be less"),
        ({"interpolation": "bicubic"}, "set interpolation: bilinear instead of bicubic, or crop"),
        (
            {"interpolation": "bicubic", "crop_scale": (1.0, 1.0)},
            "20x12 pixels are resized to 20x20.*instead of bicubic$",
        ),
    ],
)
def test_what_is_not_done_on_the_device_is_refused(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=f"on_device.*{words}"):
        loaded(tmp_path, **options)


def test_images_on_the_device_need_one_size(tmp_path: Path) -> None:
    folder = class_folders(tmp_path)
    Image.new("RGB", (9, 9)).save(folder / "bee" / "2.png")
    with pytest.raises(UserError, match=r"on_device: .*bee/2\.png.* 9x9 pixels, the first one 20x"):
        loaded(tmp_path)
