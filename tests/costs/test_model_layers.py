"""Layer groups of real timm models, against counts made by hand from their sources."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import nn

from pgf.sparsity.layers import ModelLayers, read_layers


def qkvo(count: int) -> dict[str, int]:
    return dict.fromkeys("QKVO", count)


# Blocks by stage, as timm's definitions give them; what is refused is not counted.
EXPECTED: dict[str, dict[str, int]] = {
    "vit_tiny_patch16_224": {**qkvo(12), "FF": 2 * 12},
    "beit_base_patch16_224": {**qkvo(12), "FF": 2 * 12},
    "eva02_tiny_patch14_224": {**qkvo(12), "FF": 2 * 12},  # gate and value in one weight
    "eva02_base_patch14_224": {**qkvo(12), "FF": 3 * 12},  # gate and value in two
    "swin_tiny_patch4_window7_224": {**qkvo(2 + 2 + 6 + 2), "FF": 2 * 12},
    "swinv2_tiny_window8_256": {**qkvo(2 + 2 + 6 + 2), "FF": 2 * 12},
    "mvitv2_tiny": {**qkvo(1 + 2 + 5 + 2), "FF": 2 * 10},
    "xcit_nano_12_p16_224": {**qkvo(12 + 2), "FF": 2 * 14},  # two of class attention
    "cait_xxs24_224": {**qkvo(24 + 2), "FF": 2 * 26},
    "convit_tiny": {**qkvo(12), "FF": 2 * 12},  # fused qk in 10 of them, qkv in 2
    "tnt_s_patch16_224": {**qkvo(2 * 12), "FF": 2 * 24},  # an inner and an outer transformer
    "crossvit_tiny_240": {**qkvo(3 * (1 + 4) + 3 * 2), "FF": 2 * 15},  # fusions have no MLP
    # The MLP of the three parallel branches is one module under three names.
    "coat_tiny": {**qkvo(4 * 2 + 3 * 6), "FF": 2 * 8},
    # Downsampling, and attention on reduced keys in all stages but the last.
    "pvt_v2_b0": {**qkvo(8), "FF": 2 * 8, "CONV": 3 + 3 * 2},
    "twins_svt_small": {**qkvo(18), "FF": 2 * 18, "CONV": 1 + 1 + 5},
    # Every other block takes its queries from outside; 7 feature blocks, 3 x 2 downsampling.
    "gcvit_xxtiny": {"Q": 6, "K": 12, "V": 12, "O": 12, "FF": 2 * 12, "CONV": 7 + 3 * 2},
    "caformer_s18": {**qkvo(9 + 3), "FF": 2 * 18, "CONV": 2 * (3 + 3) + 3},
    "visformer_tiny": {**qkvo(4 + 4), "FF": 2 * (7 + 8), "CONV": 7},  # 3x3 in 7 of the MLPs
    "convnext_tiny": {"FF": 2 * (3 + 3 + 9 + 3), "CONV": 3},
    "convnext_atto": {"FF": 2 * (2 + 2 + 6 + 2), "CONV": 3},  # 1x1 convolutions
    "mixer_s16_224": {"FF": 2 * 8},  # along channels; along tokens stays dense
    "gmlp_s16_224": {"FF": 2 * 30},
    "resnet18": {"CONV": 2 * 8 + 3},
    "resnet50": {"CONV": 3 * (3 + 4 + 6 + 3) + 4},
    "legacy_seresnet18": {"CONV": 2 * 8 + 3},
    "densenet121": {"CONV": 2 * (6 + 12 + 24 + 16) + 3},
    "vgg11": {"CONV": 8 - 1},
    "efficientnet_b0": {"CONV": 1 + 2 * (2 + 2 + 3 + 3 + 4 + 1) + 1},
    "mobilenetv3_small_100": {"CONV": 1 + 2 * (2 + 3 + 2 + 3) + 1 + 1},
    "botnet26t_256": {"Q": 3, "K": 3, "V": 3, "CONV": 5 * 3 + 3 * 2 + 4},
    "levit_128": {"Q": 2, "O": 12 + 2, "FF": 2 * (12 + 2)},
    "tiny_vit_5m_224": {"O": 10, "FF": 2 * 10, "CONV": 2 * 2 + 2 * 3},
    "coatnet_0_224": {"O": 5 + 2, "FF": 2 * 7, "CONV": 2 * (2 + 3) + 4},
    "vit_base_patch16_xp_224": {"O": 12, "FF": 12},
}
REFUSED: dict[str, dict[str, int]] = {
    "levit_128": {"Q": 12, "K": 12 + 2, "V": 12 + 2},
    "tiny_vit_5m_224": {"Q": 10, "K": 10, "V": 10},
    "coatnet_0_224": {"Q": 7, "K": 7, "V": 7},
    "vit_base_patch16_xp_224": {"Q": 12, "K": 12, "V": 12, "FF": 12},
}


def layers_of(name: str) -> ModelLayers:
    with torch.device("meta"):
        return read_layers(timm.create_model(name))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_layers_of_a_model_are_those_of_its_definition(name: str) -> None:
    layers = layers_of(name)
    assert dict(Counter(layer.role for layer in layers.prunable)) == EXPECTED[name]
    untold = Counter(role for other in layers.others for role in other.roles)
    assert dict(untold) == REFUSED.get(name, {})


Record = Callable[[nn.Module, torch.Tensor], dict[str, torch.Tensor]]


@pytest.fixture
def dot_product(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return what reads the queries, keys and values of the first attention that is computed."""
    seen: list[tuple[torch.Tensor, ...]] = []
    attend = nn.functional.scaled_dot_product_attention

    def watch(*tensors: torch.Tensor, **options: Any) -> torch.Tensor:
        seen.append(tuple(tensor.clone() for tensor in tensors))
        return attend(*tensors, **options)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", watch)

    @torch.no_grad()
    def record(model: nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.clear()
        for module in model.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = True
        model(image)
        return dict(zip("QKV", seen[0], strict=False))

    return record


@pytest.fixture
def cosine(monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return the same for SwinV2, which compares normalised queries and keys; V: its output."""
    seen: list[torch.Tensor] = []
    normalize = nn.functional.normalize

    def watch(tensor: torch.Tensor, **options: Any) -> torch.Tensor:
        seen.append(tensor.clone())
        return normalize(tensor, **options)

    monkeypatch.setattr(nn.functional, "normalize", watch)

    @torch.no_grad()
    def record(model: nn.Module, image: torch.Tensor) -> dict[str, torch.Tensor]:
        seen.clear()
        outputs: list[torch.Tensor] = []
        first = next(m for name, m in model.named_modules() if name.endswith(".attn"))
        handle = first.register_forward_hook(lambda *parts: outputs.append(parts[2].clone()))
        model(image)
        handle.remove()
        return {"Q": seen[0], "K": seen[1], "output": outputs[0]}

    return record


def changes(model: nn.Module, rows: torch.Tensor, record: Record) -> set[str]:
    """Return what changes when some rows of a weight become zero."""
    image = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    before = record(model, image)
    kept = rows.clone()
    rows.zero_()
    after = record(model, image)
    rows.copy_(kept)
    return {part for part in before if not torch.equal(before[part], after[part])}


def build(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, **options).eval()


FOUR = (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("roles", "name", "options"),
    [
        ("QKV", "vit_tiny_patch16_224", {"depth": 1}),
        ("QKV", "swin_tiny_patch4_window7_224", {"depths": FOUR, "embed_dim": 24}),
        ("QKV", "hiera_tiny_224", {"stages": FOUR, "embed_dim": 24}),
        ("QKV", "visformer_tiny", {}),  # a 1x1 convolution
        ("QKV", "caformer_s18", {}),
        ("QKV", "vit_relpos_small_patch16_224", {"depth": 1}),
        ("QKV", "vit_dwee_patch16_reg1_gap_256", {"depth": 1, "img_size": 224}),
        ("KV", "pvt_v2_b0", {"depths": FOUR}),
    ],
)
def test_the_rows_of_a_role_make_that_role_alone(
    roles: str, name: str, options: dict[str, Any], dot_product: Record
) -> None:
    model = build(name, **options)
    blocks = [layer for layer in read_layers(model).prunable if "[" in layer.name]
    first = [layer for layer in blocks if layer.module is blocks[0].module]
    assert "".join(layer.role for layer in first) == roles
    for layer in first:
        rows = layer.view(layer.module.get_parameter("weight").detach())
        assert changes(model, rows, dot_product) == {layer.role}


def test_the_rows_of_a_role_make_that_role_alone_in_swin_v2(cosine: Record) -> None:
    sizes = {"depths": FOUR, "embed_dim": 24, "img_size": 224, "window_size": 7}
    model = build("swinv2_tiny_window8_256", **sizes)
    made = {}
    for layer in read_layers(model).prunable[:3]:
        rows = layer.view(layer.module.get_parameter("weight").detach())
        made[layer.role] = changes(model, rows, cosine)
    assert made == {"Q": {"Q", "output"}, "K": {"K", "output"}, "V": {"output"}}


def test_thirds_that_would_mix_roles_are_refused(dot_product: Record) -> None:
    model = build("tiny_vit_5m_224", depths=FOUR)
    (refused, *_) = [other for other in read_layers(model).others if other.roles]
    weight = refused.module.get_parameter("weight").detach()
    third = len(weight) // 3
    assert 3 * third == len(weight)
    assert changes(model, weight[third : 2 * third], dot_product) == {"Q", "K", "V"}


def test_every_layer_is_either_prunable_or_dense_for_a_reason() -> None:
    layers = layers_of("gcvit_xxtiny")
    names = {layer.module_name for layer in layers.prunable}
    assert not names & {other.name for other in layers.others}
    assert all(other.reason for other in layers.others)
