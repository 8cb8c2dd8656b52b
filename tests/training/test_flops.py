"""Operations counted by hand: of models, of phases, of whole runs."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from support.helpers import EVERY_RECIPE, advised_options, tiny_spec, trained
from torch import Tensor, nn

from pgf import attach
from pgf.experiments.settings import TaskSettings
from pgf.inference import save
from pgf.recipes import RECIPES, GradientRule, Phase
from pgf.recipes.patterns import NMPattern, Target
from pgf.sparsity.selection import select_layers
from pgf.tasks import Task, make_task
from pgf.tasks.data.streams import Batch, Splits
from pgf.training.flops import (
    average_density,
    count_flops,
    inference_flops,
    parameter_counts,
    product_shares,
    training_flops,
)
from pgf.training.outcome import costs, flop_rows

FIRST, SECOND = 2 * 8 * 16, 2 * 16 * 4
"""Operations of one sample in a layer of 8 -> 16 and one of 16 -> 4."""

FORWARD = FIRST + SECOND
TRAINING = 2 * FIRST + 3 * SECOND
"""The input itself needs no gradient, so the first layer has two products."""


class TwoLayers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(8, 16), "fc2": nn.Linear(16, 4)})

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp["fc2"](torch.tanh(self.mlp["fc1"](x)))


@dataclass(frozen=True, kw_only=True)
class TwoLayerTask(Task):
    metric: ClassVar[str] = "accuracy"

    def model(self) -> nn.Module:
        return TwoLayers()

    def example(self) -> Batch:
        return torch.zeros(1, 8), torch.zeros(1, dtype=torch.long)

    def load(self) -> Splits:
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        raise NotImplementedError


def whole_run(recipe: str, target: str, *, steps: int = 20, **options: object) -> float:
    model = TwoLayers()
    own = RECIPES[recipe](**options)
    layers = select_layers(model, Target.parse(target)) if own.prunes else []
    flops = count_flops(TwoLayerTask(), model)
    (total,) = training_flops(flops, layers, own, total_steps=steps, batch_size=3, after=[steps])
    return total / 3


def test_two_layers_by_hand() -> None:
    flops = count_flops(TwoLayerTask(), TwoLayers())
    assert (flops.forward, flops.training) == (FORWARD, TRAINING)
    assert (flops.modules["mlp.fc1"], flops.modules["mlp.fc2"]) == (FIRST, SECOND)
    assert "mlp.fc1" in flops.first and "mlp.fc2" not in flops.first


@pytest.mark.parametrize(
    ("recipe", "options", "expected"),
    [
        ("dense", {}, 20 * TRAINING),
        # Straight-through at 1:4: the weight's gradient is dense.
        ("ste", {}, 20 * (FIRST * 1.25 + SECOND * 2.25)),
        ("sr_ste", {"dense": 0.5}, 10 * TRAINING + 10 * (FIRST * 1.25 + SECOND * 2.25)),
        # A fixed mask lets no gradient through to pruned weights.
        ("random_mask", {}, 20 * (FIRST * 0.5 + SECOND * 1.5)),
        ("snip", {}, 20 * (FIRST * 0.5 + SECOND * 1.5)),
        # D > 0 for 15 steps, then the target.
        ("mdgf_linear", {"fine_tune": 0.25}, 15 * TRAINING + 5 * (FIRST * 1.25 + SECOND * 2.25)),
        (
            "mdgf_exponential",
            {"fine_tune": 0.25, "gradient": "chain_rule"},
            15 * TRAINING + 5 * (FIRST * 0.5 + SECOND * 1.5),
        ),
        # 3:4, 2:4, 1:4 for 5 steps each, then 5 more at 1:4.
        (
            "sdgf_stepwise",
            {"fine_tune": 0.25},
            sum(5 * (FIRST * (1 + d) + SECOND * (2 + d)) for d in (0.75, 0.5, 0.25, 0.25)),
        ),
        # 2:4 and 1:4 for 8 steps each, then 4 more at 1:4.
        (
            "idp",
            {"fine_tune": 0.2},
            8 * (FIRST * 1.5 + SECOND * 2.5) + 12 * (FIRST * 1.25 + SECOND * 2.25),
        ),
    ],
)
def test_training_of_two_layers_by_hand(
    recipe: str, options: dict[str, object], expected: float
) -> None:
    assert whole_run(recipe, "1:4(FF)", **options) == pytest.approx(expected, rel=1e-12)


def test_products_of_a_layer_by_hand() -> None:
    def phase(decay: float, rule: GradientRule) -> Phase:
        pattern = NMPattern(1, 8)
        return Phase(name="sparse", pattern=pattern, mask_decay=decay, gradient_rule=rule)

    through, chain = GradientRule.STRAIGHT_THROUGH, GradientRule.CHAIN_RULE
    # Forward pass, gradient of the input, gradient of the weight.
    assert product_shares(Phase(name="dense", pattern=None)) == (1, 1, 1)
    assert product_shares(phase(0.01, through)) == product_shares(phase(0.01, chain)) == (1, 1, 1)
    # The transposed product gains nothing from groups along the input axis.
    assert product_shares(phase(0.0, through)) == (1 / 8, 1, 1)
    assert product_shares(phase(0.0, chain)) == (1 / 8, 1, 1 / 8)
    assert product_shares(replace(phase(0.0, through), transposable=True)) == (1 / 8, 1 / 8, 1)


def test_the_other_count_has_a_sparse_input_gradient() -> None:
    model, own = TwoLayers(), RECIPES["ste"]()
    layers = select_layers(model, Target.parse("1:4(FF)"))
    flops = count_flops(TwoLayerTask(), model)
    (total,) = training_flops(
        *(flops, layers, own), total_steps=20, batch_size=1, after=[20], sparse_input_gradient=True
    )
    assert total == pytest.approx(20 * (FIRST * 1.25 + SECOND * 1.5), rel=1e-12)


def test_average_density_by_hand() -> None:
    layers = select_layers(TwoLayers(), Target.parse("1:4(FF)"))

    def density(recipe: str, **options: object) -> float:
        return average_density(layers, RECIPES[recipe](**options), total_steps=20)

    assert average_density([], RECIPES["dense"](), total_steps=20) == 1
    assert density("ste") == 1 / 4
    assert density("sr_ste", dense=0.5) == (10 + 10 / 4) / 20
    # As long as D > 0 pruned weights take part.
    assert density("mdgf_linear", fine_tune=0.25) == (15 + 5 / 4) / 20
    stages = (0.75, 0.5, 0.25, 0.25)
    assert density("sdgf_stepwise", fine_tune=0.25) == 5 * sum(stages) / 20


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_no_recipe_costs_more_than_dense_nor_less_than_its_target(recipe: str) -> None:
    options = advised_options(recipe, "1:4(FF)")
    dense, own = whole_run("dense", "1:4(FF)"), whole_run(recipe, "1:4(FF)", **options)
    least = 0 if recipe == "removed" else dense / 4
    assert least <= own < dense if RECIPES[recipe].prunes else own == dense


def test_inference_and_storage_by_hand() -> None:
    model = TwoLayers()
    layers = select_layers(model, Target.parse("1:8(FF)"))
    assert inference_flops(count_flops(TwoLayerTask(), model), layers) == FORWARD / 8
    weights, biases = 8 * 16 + 16 * 4, 16 + 4
    kept = weights // 8
    assert parameter_counts(model, layers) == {
        "parameters": weights + biases,
        "parameters_kept": kept + biases,
        "bytes_dense": 2 * (weights + biases),
        "bytes": 2 * (kept + biases) + kept * 3 // 8,
        "bytes_packed": 2 * (kept + biases) + kept * 4 // 8,
    }


@pytest.mark.parametrize("target", ["2:4(FF)", "1:16(FF)+3:4(O)", "1:32(FF)+1:8(QK)", "1:64(V)"])
def test_packed_bytes_are_those_of_a_file(target: str, tmp_path: Path) -> None:
    model = make_task(TaskSettings(name="d", kind="digits_vit")).model()
    layers = select_layers(model, Target.parse(target))
    optimizer = torch.optim.SGD(model.parameters())
    attach(model, optimizer, target=target, recipe="ste", total_steps=1).finish()
    sizes = save(model.to(torch.bfloat16), tmp_path / "packed.safetensors")
    assert parameter_counts(model, layers)["bytes_packed"] == sizes.packed


def test_a_fused_layer_is_charged_by_its_blocks() -> None:
    task = make_task(TaskSettings(name="d", kind="digits_vit"))
    model = task.model()
    flops = count_flops(task, model)
    for target, rows in (("1:4(Q)", 64), ("1:4(QK)", 128), ("1:4(QKV)", 192)):
        layers = select_layers(model, Target.parse(target))
        saved = flops.forward - inference_flops(flops, layers)
        assert saved == pytest.approx(0.75 * 2 * (2 * 16 * 64 * rows))  # 2 blocks, 16 tokens


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_the_record_and_the_curve_agree(recipe: str) -> None:
    run = trained(tiny_spec(recipe))
    flops = count_flops(run.task, run.model)
    rows, record = flop_rows(run, flops), costs(run, flops)
    assert [row.step for row in rows] == [e.step for e in run.evaluations]
    assert rows[-1].value == pytest.approx(record["flops.training"], rel=1e-12)
    assert record["flops.training"] <= record["flops.training_dense"]
    assert record["flops.training_sparse_input_gradient"] <= record["flops.training"]
    assert math.isclose(record["flops.training_dense"], 14 * 24 * flops.training)
    zeros = sum(z for z, _ in run.sparsifier.zeros().values())
    assert record["parameters"] - record["parameters_kept"] == zeros


def test_counting_leaves_model_and_generators_alone() -> None:
    task = make_task(TaskSettings(name="d", kind="digits_vit"))
    model = task.model()
    before = [p.clone() for p in model.parameters()]
    state = torch.get_rng_state()
    count_flops(task, model)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.grad is None and p.device.type == "cpu" for p in model.parameters())
