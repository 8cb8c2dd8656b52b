"""The paper's vision set-ups, on their own data sets.

Models and data are the paper's; how long and with what augmentation they train is said in the
configs, `published` as far as the paper prints it, the authors' files where it does not.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from pgf.tasks.base import register
from pgf.tasks.images import Images


@dataclass(frozen=True, kw_only=True)
class Cifar10(Images):
    """50,000 training and 10,000 test images of 32x32 pixels."""

    local_name: ClassVar[str | None] = "cifar10"

    hub: str | None = "uoft-cs/cifar10"
    image_column: str = "img"
    test_split: str | None = "test"
    classes: int | None = 10
    in_memory: bool = True


@register("cifar10_vit_tiny")
@dataclass(frozen=True, kw_only=True)
class Cifar10VitTiny(Cifar10):
    """The model of the paper's Figure 3: 3 layers, 3 heads, width 192.

    As published it sees CIFAR-10 resized to 224 in patches of 16; at `image_size: 32` in patches
    of 4 it has a third of the tokens and none of the interpolation.
    """

    model_name: str = "vit_tiny_patch16_224"
    patch_size: int = 16

    def create_options(self) -> dict[str, Any]:
        shape = {"depth": 3, "num_heads": 3, "embed_dim": 192, "patch_size": self.patch_size}
        return {**shape, **self.model_options}


@register("cifar10_resnet50")
@dataclass(frozen=True, kw_only=True)
class Cifar10ResNet50(Cifar10):
    """ResNet-50 of the paper's Table 6; its target prunes all convolutions: `2:8(CONV)`.

    The size of its images is not printed; the authors' loader resizes to 224.
    """

    model_name: str = "resnet50"


@dataclass(frozen=True, kw_only=True)
class ImageNet(Images):
    """ImageNet-1K: from the hub (behind a licence), as parquet files, or as class folders."""

    local_name: ClassVar[str | None] = "imagenet"

    hub: str | None = "ILSVRC/imagenet-1k"
    test_split: str | None = "validation"
    classes: int | None = 1000
    crop_pct: float = 0.9


@register("imagenet_vit_base")
@dataclass(frozen=True, kw_only=True)
class ImageNetVitBase(ImageNet):
    """ViT-Base/16 at 224: Tables 1, 2, 13, 17 and 18, Figures 4 to 6."""

    model_name: str = "vit_base_patch16_224"


@register("imagenet_swinv2_base")
@dataclass(frozen=True, kw_only=True)
class ImageNetSwinV2Base(ImageNet):
    """SwinV2-Base with windows of 8 at 256: Tables 3 and 14."""

    model_name: str = "swinv2_base_window8_256"
    image_size: int = 256
