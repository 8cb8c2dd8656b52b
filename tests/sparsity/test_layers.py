"""Weights found in real models, and their roles; the models are tiny and untrained."""

from collections import Counter
from functools import cache
from typing import Any

import pytest
import torch
from support.helpers import tiny_block
from torch import nn

from pgf.errors import UserError
from pgf.recipes.patterns import NMPattern, Target
from pgf.sparsity.layers import PrunableWeight, find_layers, is_conv1d
from pgf.sparsity.selection import select_layers


@cache
def build(name: str) -> nn.Module:
    """Return a model of width 16 with feed-forward layers of 32."""
    if name in ("vit", "swinv2"):
        return build_timm(name)
    import transformers as hf

    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    marian = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, **heads}
    marian |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "max_position_embeddings": 8}
    marian |= {"pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1}
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    special = {"bos_token_id": 1, "eos_token_id": 2}
    gpt2 = {"n_positions": 8, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_inner": 32}
    t5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    models = {
        "t5": lambda: hf.T5ForConditionalGeneration(hf.T5Config(vocab_size=20, **t5)),
        "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=20, **gpt2, **special)),
        "bert": lambda: hf.BertForSequenceClassification(
            hf.BertConfig(vocab_size=20, hidden_size=16, **sizes)
        ),
        "marian": lambda: hf.MarianMTModel(hf.MarianConfig(vocab_size=20, **marian)),
    }
    return models[name]()


def build_timm(name: str) -> nn.Module:
    from timm.models.swin_transformer_v2 import SwinTransformerV2
    from timm.models.vision_transformer import VisionTransformer

    if name == "vit":
        sizes = {"embed_dim": 16, "depth": 1, "num_heads": 2, "mlp_ratio": 2}
        return VisionTransformer(img_size=8, patch_size=4, **sizes)
    sizes = {"embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2), "mlp_ratio": 2}
    return SwinTransformerV2(img_size=16, patch_size=2, window_size=4, **sizes)


def found(name: str) -> dict[str, tuple[str, int]]:
    return {layer.name: (layer.role, layer.width) for layer in find_layers(build(name))}


def roles(name: str) -> dict[str, int]:
    return dict(Counter(layer.role for layer in find_layers(build(name))))


def test_a_vision_transformer_has_thirds_of_its_fused_attention() -> None:
    assert found("vit") == {
        "blocks.0.attn.qkv[Q]": ("Q", 16),
        "blocks.0.attn.qkv[K]": ("K", 16),
        "blocks.0.attn.qkv[V]": ("V", 16),
        "blocks.0.attn.proj": ("O", 16),
        "blocks.0.mlp.fc1": ("FF", 16),
        "blocks.0.mlp.fc2": ("FF", 32),
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("swinv2", {"Q": 2, "K": 2, "V": 2, "O": 2, "FF": 4}),
        ("t5", {"Q": 3, "K": 3, "V": 3, "O": 3, "FF": 4}),
        ("gpt2", {"Q": 1, "K": 1, "V": 1, "O": 1, "FF": 2}),
        ("bert", {"Q": 1, "K": 1, "V": 1, "O": 1, "FF": 2}),
        ("marian", {"Q": 3, "K": 3, "V": 3, "O": 3, "FF": 4}),
    ],
)
def test_every_attention_and_feed_forward_layer_has_its_role(
    name: str, expected: dict[str, int]
) -> None:
    assert roles(name) == expected


@pytest.mark.parametrize("name", ["vit", "swinv2", "t5", "gpt2", "bert", "marian"])
def test_heads_embeddings_and_position_bias_stay_dense(name: str) -> None:
    model = build(name)
    pruned = {layer.module_name for layer in find_layers(model)}
    dense = {
        key.split(".")[-1] if "cpb_mlp" not in key else "cpb_mlp"
        for key, module in model.named_modules()
        if (isinstance(module, nn.Linear | nn.Conv2d) or is_conv1d(module)) and key not in pruned
    }
    assert (
        dense
        == {
            "vit": {"proj", "head"},  # the patch embedding's projection
            "swinv2": {"proj", "cpb_mlp", "reduction", "fc"},
            "t5": {"lm_head"},
            "gpt2": {"lm_head"},
            "bert": {"dense", "classifier"},  # the pooler's
            "marian": {"lm_head"},
        }[name]
    )


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("vit_relpos_small_patch16_224", {"depth": 1, "embed_dim": 32, "num_heads": 2}),
        ("swinv2_cr_tiny_224", {"depths": (1,), "embed_dim": 32, "num_heads": (2,)}),
    ],
)
def test_the_network_behind_a_position_bias_stays_dense(name: str, sizes: dict[str, Any]) -> None:
    import timm

    # Its two inputs are coordinates; its layers are named fc1 and fc2 all the same.
    widths = {layer.width for layer in find_layers(timm.create_model(name, **sizes))}
    assert widths == {32, 128}


def test_a_tied_weight_stays_dense_whatever_its_name() -> None:
    block = tiny_block()
    block.mlp["fc3"] = nn.Linear(16, 32).double()
    block.mlp["fc3"].weight = block.mlp["fc1"].weight
    names = [layer.module_name for layer in find_layers(block) if layer.role == "FF"]
    assert names == ["mlp.fc2"]


def test_conv1d_has_its_groups_along_the_input_axis() -> None:
    layers = {layer.name: layer for layer in find_layers(build("gpt2"))}
    fc = layers["transformer.h.0.mlp.c_fc"]
    weight = fc.module.get_parameter("weight")
    assert tuple(weight.shape) == (16, 32) and fc.width == 16  # in, out
    assert torch.equal(fc.view(weight), weight.t())


def test_the_thirds_of_a_fused_conv1d_are_columns() -> None:
    layers = {layer.role: layer for layer in find_layers(build("gpt2"))}
    weight = layers["K"].module.get_parameter("weight")
    assert torch.equal(layers["K"].view(weight), weight[:, 16:32].t())


def test_a_convolution_has_its_groups_along_the_input_channels() -> None:
    model = nn.ModuleDict({"conv": nn.Conv2d(6, 4, kernel_size=3)})
    (layer,) = find_layers(model)
    weight = layer.module.get_parameter("weight")
    assert (layer.role, layer.width) == ("CONV", 6)
    assert torch.equal(layer.view(weight)[2, 0, 1], weight[2, :, 0, 1])


def test_a_depthwise_convolution_has_nothing_to_choose_from() -> None:
    assert find_layers(nn.ModuleDict({"conv": nn.Conv2d(6, 6, 3, groups=6)})) == []


@pytest.mark.parametrize("name", ["vit", "gpt2"])
def test_a_view_shares_the_memory_of_its_weight(name: str) -> None:
    def address(layer: PrunableWeight) -> int:
        weight = layer.module.get_parameter("weight").detach()
        return layer.view(weight).untyped_storage().data_ptr() - weight.untyped_storage().data_ptr()

    assert {address(layer) for layer in find_layers(build(name))} == {0}


def test_a_target_selects_its_layers_with_their_patterns() -> None:
    chosen = select_layers(build("vit"), Target.parse("1:8(FF)+2:4(QK)"))
    assert {layer.name.removeprefix("blocks.0."): str(pattern) for layer, pattern in chosen} == {
        "attn.qkv[Q]": "2:4",
        "attn.qkv[K]": "2:4",
        "mlp.fc1": "1:8",
        "mlp.fc2": "1:8",
    }


def test_the_dense_target_selects_nothing() -> None:
    assert select_layers(build("vit"), Target.parse("dense")) == []


def test_thirds_must_be_as_many_rows_as_the_output_projection_has_inputs() -> None:
    def attention(values: int) -> nn.Module:
        qkv, proj = nn.Linear(16, 48), nn.Linear(values, 16)
        return nn.ModuleDict({"attn": nn.ModuleDict({"qkv": qkv, "proj": proj})})

    assert [layer.role for layer in find_layers(attention(16))] == ["Q", "K", "V", "O"]
    assert [layer.role for layer in find_layers(attention(24))] == ["O"]
    with pytest.raises(UserError, match=r"Q, K cannot be told in 1 x Linear .*not equal blocks"):
        select_layers(attention(24), Target.parse("2:4(QK)"))


def test_a_fused_convolution_with_nothing_beside_it_is_not_cut() -> None:
    model = nn.ModuleDict({"attn": nn.ModuleDict({"qkv": nn.Conv2d(16, 48, 1)})})
    assert find_layers(model) == []
    with pytest.raises(UserError, match="V cannot be told in 1 x Conv2d of 16 inputs"):
        select_layers(model, Target.parse("2:4(V)"))
    assert len(find_layers(model, {"QKV": ["qkv"]})) == 3


def test_layers_can_be_named_by_the_user() -> None:
    model = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 8))
    layers = find_layers(model, {"QKV": [r"^0$"], "FF": [r"nothing", r"^2$"]})
    assert [(layer.name, layer.role) for layer in layers] == [
        ("0[Q]", "Q"),
        ("0[K]", "K"),
        ("0[V]", "V"),
        ("2", "FF"),
    ]


def test_a_head_can_be_named_by_the_user_and_replaces_the_rules() -> None:
    assert [layer.name for layer in find_layers(tiny_block(), {"FF": ["head"]})] == ["head"]


def test_what_the_user_names_is_cut_into_equal_blocks_alone() -> None:
    model = nn.Sequential(nn.Linear(8, 25))
    with pytest.raises(UserError, match="groups: QKV: 0 cannot be cut into Q, K, V"):
        find_layers(model, {"QKV": ["0"]})
    assert [layer.end_row for layer in find_layers(model, {"Q": ["0"]})] == [25]


def test_an_unknown_group_in_the_users_names_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'FFN'.*did you mean 'FF'"):
        find_layers(tiny_block(), {"FFN": ["mlp"]})


def test_an_expression_that_cannot_be_read_is_refused_with_its_text() -> None:
    with pytest.raises(UserError, match=r"mlp\("):
        find_layers(tiny_block(), {"FF": ["mlp("]})


def test_every_pattern_can_be_written_to_every_role_of_a_block() -> None:
    chosen = select_layers(tiny_block(), Target.parse("1:4(FF)+2:4(QK)+3:8(V)"))
    assert Counter(str(pattern) for _, pattern in chosen) == {"1:4": 2, "2:4": 2, "3:8": 1}
    assert NMPattern(3, 8) == dict((layer.role, p) for layer, p in chosen)["V"]
