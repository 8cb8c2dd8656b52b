"""`digits_vit`: a small Vision Transformer on scikit-learn's scanned digits."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from pgf.tasks.base import register
from pgf.tasks.data.streams import Batch, Splits, TensorData
from pgf.tasks.vision import ImageClassification

TRAINING_IMAGES = 1000
VALIDATION_IMAGES = 200
SPLIT_SEED = 20240204


@register("digits_vit")
@dataclass(frozen=True, kw_only=True)
class DigitsVit(ImageClassification):
    """1,797 real 8x8 images of handwritten digits (UCI, shipped with scikit-learn).

    The split is fixed: 1,000 images to train, 797 to test. With `evaluate_on: validation` the last
    200 training images take the place of the test images and are not trained on: settings are
    chosen there.
    """

    n_classes: ClassVar[int] = 10

    evaluate_on: Literal["test", "validation"] = "test"
    width: int = 64
    depth: int = 2
    heads: int = 4
    patch: int = 2
    position_std: float = 0.5
    """Spread of the initial position embeddings; timm's 0.02 learns slowly at this size."""

    def model(self) -> nn.Module:
        model = VisionTransformer(
            img_size=8,
            patch_size=self.patch,
            in_chans=1,
            num_classes=self.n_classes,
            embed_dim=self.width,
            depth=self.depth,
            num_heads=self.heads,
            class_token=False,
            global_pool="avg",
        )
        nn.init.normal_(model.get_parameter("pos_embed"), std=self.position_std)
        return model

    def narrower(self) -> Iterator["DigitsVit"]:
        for width in range(self.width - self.heads, 0, -self.heads):
            yield replace(self, width=width)

    def example(self) -> Batch:
        return torch.zeros(1, 1, 8, 8), torch.zeros(1, dtype=torch.long)

    def load(self) -> Splits:
        from sklearn.datasets import load_digits  # takes a second

        digits = load_digits()
        inputs = torch.from_numpy(digits.images).float().div(8.0).sub(1.0).unsqueeze(1)
        labels = torch.from_numpy(digits.target).long()
        generator = torch.Generator().manual_seed(SPLIT_SEED)
        order = torch.randperm(len(labels), generator=generator)
        train, test = order[:TRAINING_IMAGES], order[TRAINING_IMAGES:]
        if self.evaluate_on == "validation":
            train, test = train[:-VALIDATION_IMAGES], train[-VALIDATION_IMAGES:]
        fingerprint = hashlib.sha256(inputs.numpy().tobytes() + order.numpy().tobytes())
        return Splits(
            train=TensorData(inputs[train], labels[train]),
            test=TensorData(inputs[test], labels[test]),
            fingerprint=fingerprint.hexdigest()[:16],
            test_name=self.evaluate_on,
        )
