"""Small image data sets made up for tests."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CLASSES = ("ant", "bee", "cat")


def picture(seed: int, path: Path) -> bytes:
    """Write a PNG of noise and return its bytes."""
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 20, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path.read_bytes()


def class_folders(root: Path, *, per_class: int = 5, classes: tuple[str, ...] = CLASSES) -> Path:
    for number, name in enumerate(classes):
        for i in range(per_class):
            picture(100 * number + i, root / "images" / name / f"{i}.png")
    return root / "images"


def parquet_files(
    root: Path, *, labels: dict[str, list[Any]] | None = None, image: str = "img"
) -> Path:
    folder = root / "table"
    folder.mkdir(parents=True)
    for split, own in (labels or {"train": [0, 1] * 6, "test": [1, 0, 1]}).items():
        bytes_of = [picture(len(split) * 50 + i, root / "one.png") for i in range(len(own))]
        images = [{"bytes": b, "path": None} for b in bytes_of]
        table = pa.table({image: images, "label": own})
        pq.write_table(table, folder / f"{split}-00000.parquet")
    return folder
