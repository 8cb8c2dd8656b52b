"""The plan of a model's layers, and how a target that does not go with them is refused."""

from functools import cache
from typing import Any

import pytest
import timm
import torch
from support.configs import GOOD, changed, load
from torch import nn

from pgf.errors import UserError
from pgf.jobs.plan import layer_lines
from pgf.recipes.patterns import NMPattern, Target
from pgf.sparsity.layer_listing import (
    dense_lines,
    fit_line,
    fitting_pattern,
    role_lines,
    why_misfit,
)
from pgf.sparsity.layers import ModelLayers, read_layers
from pgf.sparsity.selection import select_layers


@cache
def layers_of(name: str) -> ModelLayers:
    with torch.device("meta"):
        return read_layers(timm.create_model(name))


def problem(name: str, target: str) -> str:
    return why_misfit(layers_of(name), Target.parse(target))


def test_a_vision_transformer_is_four_lines() -> None:
    layers = layers_of("vit_tiny_patch16_224")
    assert [*role_lines(layers), *dense_lines(layers)] == [
        "FF      24 layers: 12 with 192 inputs (blocks.0.mlp.fc1), "
        "12 with 768 inputs (blocks.0.mlp.fc2)",
        "Q, K, V 12 layers: 12 with 192 inputs (blocks.0.attn.qkv[Q])",
        "O       12 layers: 12 with 192 inputs (blocks.0.attn.proj)",
        "dense, reads the image: 1 x Conv2d patch_embed.proj",
        "dense, head, embedding, stem or the like: 1 x Linear head",
    ]


def test_a_resnet_is_its_widths() -> None:
    (line,) = role_lines(layers_of("resnet50"))
    assert line.startswith(
        "CONV    52 layers: 8 with 64 inputs (layer1.0.conv1), 8 with 128 inputs ("
    )
    assert line.endswith("2 with 2048 inputs (layer4.1.conv1)")


def test_layers_that_are_refused_are_listed_with_the_reason() -> None:
    lines = dense_lines(layers_of("levit_128"))
    assert lines[2:] == [
        "dense, Q/K/V untold: its rows alternate between Q, K and V, head by head: "
        "12 x Linear stages.*.blocks.*.attn.qkv.linear",
        "dense, K/V untold: its rows alternate between Q, K and V, head by head: "
        "2 x Linear stages.*.downsample.attn_downsample.kv.linear",
    ]


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("2:4(QK)+1:8(FF)", "2:4 (QK)+1:8 (FF): 2:4 fits 24 of 24 QK layers; 1:8 fits 24 of 24 FF"),
        ("1:64(FF)", "1:64 (FF): 1:64 fits 22 of 24 FF layers; groups of 64 do not divide 2 x FF"),
        ("2:4(CONV)", "2:4 (CONV): the model has no layer of group CONV"),
    ],
)
def test_a_plan_says_of_every_target_how_many_layers_it_fits(target: str, line: str) -> None:
    found = fit_line(layers_of("swinv2_tiny_window8_256"), Target.parse(target))
    assert found.startswith(line)


def test_a_plan_lists_layers_and_targets_of_its_task(tmp_path: Any) -> None:
    # More than one target, one of which does not fit: all are listed all the same.
    experiment = load(changed("targets", to=["1:4(FF)", "1:48(FF)"]), tmp_path)
    task = next(iter(experiment.tasks))
    lines = layer_lines([spec for spec in experiment.runs() if spec.task.name == task])
    text = "\n".join(lines)
    assert "FF      4 layers: 2 with 64 inputs (blocks.0.mlp.fc1)" in text
    assert lines[-2] == "1:4 (FF): 1:4 fits 4 of 4 FF layers"
    assert lines[-1].startswith("1:48 (FF): 1:48 fits none of 4 FF layers")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("1:64(FF)", ["22 of 24", "2 x FF of 96 inputs (layers.0.blocks.0.mlp.fc1 and 1 more)"]),
        ("1:128(FF)", ["20 of 24", "2 x FF of 96 inputs", "2 x FF of 192 inputs (layers.1."]),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused_with_all_layers_and_what_would_fit(
    target: str, words: list[str]
) -> None:
    with torch.device("meta"):
        model = timm.create_model("swinv2_tiny_window8_256")
    with pytest.raises(UserError) as caught:
        select_layers(model, Target.parse(target))
    message = str(caught.value)
    assert message.startswith(f"target {target}: ") and message.endswith("1:32 would fit all")
    assert all(word in message for word in words) and "\n" not in message


def test_every_part_of_a_target_that_does_not_fit_is_named() -> None:
    message = problem("vit_tiny_patch16_224", "1:5(FF)+1:7(QK)")
    assert "1:5 fits none of 24 FF layers" in message and "1:7 fits none of 24 QK" in message


def test_the_swin_whose_widths_are_multiples_of_128_holds_both_patterns() -> None:
    assert problem("swinv2_base_window8_256", "1:128(FF)") == ""


@pytest.mark.parametrize(
    ("pattern", "widths", "expected"),
    [
        ("1:64", [96, 192], "1:32"),  # a power of two, though 1:48 is nearer
        ("2:128", [64, 256], "1:64"),  # the same density
        ("16:128", [96], "12:96"),  # the same density, as near as it comes
        ("1:7", [64, 128], "1:4"),
        ("3:4", [15, 30], None),  # three of 3 would be no pattern
        ("1:4", [7, 9], None),
    ],
)
def test_the_pattern_that_would_fit(pattern: str, widths: list[int], expected: str | None) -> None:
    found = fitting_pattern(NMPattern.parse(pattern), widths)
    assert (str(found) if found else None) == expected
    assert found is None or all(found.fits(width) for width in widths)


def test_a_group_that_is_not_there_is_refused_with_the_layers_seen_and_the_way_out() -> None:
    message = problem("swinv2_tiny_window8_256", "1:4(CONV)")
    assert "no layer of group CONV; it has FF (24), Q (12)" in message
    assert "1 x Linear layers.*.downsample.reduction of 384 inputs (layers.1.down" in message
    assert r"groups: {CONV: ['layers\.\d+\.downsample\.reduction$']}" in message
    # Of 3 + 4 + 4 + 6 + 4 kinds eight are shown.
    assert "and 13 more kinds" in message and "\n" not in message


def test_the_way_out_is_one(tmp_path: Any) -> None:
    with torch.device("meta"):
        model = timm.create_model("swinv2_tiny_window8_256")
    groups = {"FF": [r"layers\.\d+\.downsample\.reduction$"]}
    assert len(select_layers(model, Target.parse("1:4(FF)"), groups)) == 3


def test_a_model_without_known_layers_shows_those_that_it_has() -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    with pytest.raises(UserError) as caught:
        select_layers(model, Target.parse("1:8(FF)"))
    message = str(caught.value)
    assert (
        "it has none that is known; its layers: 2 x Linear * of 8 inputs (0 and 1 more)" in message
    )
    assert r"groups: {FF: ['\d+$']}" in message


def test_a_fused_weight_that_cannot_be_cut_refuses_its_roles_alone() -> None:
    message = problem("levit_128", "2:4(QK)")
    assert "Q, K cannot be told in 5 x Linear of 128 inputs (stages.0.blocks.0.attn.qkv" in message
    assert "alternate between Q, K and V" in message and "groups: {K: [" in message
    assert problem("levit_128", "2:4(FF)+2:4(O)") == ""


def test_what_the_user_names_is_not_cut_into_wrong_thirds_either() -> None:
    with torch.device("meta"):
        model = timm.create_model("levit_128")
    with pytest.raises(UserError, match=r"groups: QKV: .*qkv\.linear cannot be cut into Q, K, V"):
        read_layers(model, {"QKV": [r"attn\.qkv"]})
    named = read_layers(model, {"Q": [r"attn\.qkv"]}).prunable
    assert {layer.role for layer in named} == {"Q"} and len(named) == 12


def test_a_good_experiment_has_one_line_per_target(tmp_path: Any) -> None:
    experiment = load(GOOD, tmp_path)
    lines = layer_lines(experiment.runs())
    assert sum("layers" in line and "fits" in line for line in lines) == len(experiment.targets)
