"""The training loop: the same run twice, interrupted, watched, diverged."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from support.compare import assert_nm, assert_same, assert_same_run, weights
from support.helpers import EVERY_RECIPE, SPARSE_RECIPES, TINY_VIT, digits, tiny_spec, trained
from torch import Tensor, nn

from pgf.experiments.settings import StatisticsSettings
from pgf.tasks.data.streams import Splits, TensorData, index_batches
from pgf.tasks.digits import DigitsVit
from pgf.training.evaluation import Evaluation, best_at_target, evaluate, evaluation_steps
from pgf.training.loop import train
from pgf.training.run_state import Run

every_recipe = pytest.mark.parametrize("recipe", EVERY_RECIPE)
sparse_recipe = pytest.mark.parametrize("recipe", SPARSE_RECIPES)


@every_recipe
def test_the_same_seed_trains_the_same_bits(recipe: str) -> None:
    assert_same_run(trained(tiny_spec(recipe)), trained(tiny_spec(recipe)))


@every_recipe
def test_another_seed_trains_other_weights(recipe: str) -> None:
    one, other = (weights(trained(tiny_spec(recipe, seed=seed, steps=1))) for seed in (3, 4))
    assert not torch.equal(one["head.weight"], other["head.weight"])


@every_recipe
def test_watching_changes_nothing(recipe: str) -> None:
    often = tiny_spec(recipe, statistics=StatisticsSettings(every=1, noise_every=1))
    hardly = tiny_spec(recipe, statistics=StatisticsSettings(every=1000, noise_every=1000))
    assert_same(weights(trained(often)), weights(trained(hardly)))


@sparse_recipe
@pytest.mark.parametrize("steps", [1, 2, 14])
def test_a_trained_model_is_exactly_nm(recipe: str, steps: int) -> None:
    run = trained(tiny_spec(recipe, steps=steps))
    assert run.sparsifier.layers
    with run.sparsifier.strict():
        for layer in run.sparsifier.layers:
            weight = layer.block.module.get_parameter("weight").detach()
            assert_nm(layer.block.view(weight), layer.pattern)


@sparse_recipe
def test_the_last_step_trains_the_model_that_is_evaluated(recipe: str) -> None:
    run = trained(tiny_spec(recipe))
    run.sparsifier.refresh(13)
    effective = {k: v.clone() for k, v in run.model.state_dict().items()}
    with run.sparsifier.strict():
        assert_same(effective, run.model.state_dict())


@every_recipe
def test_the_loss_falls(recipe: str) -> None:
    run = trained(tiny_spec(recipe, steps=40, learning_rate=5e-3))
    losses = [row.value for row in run.rows if row.name == "loss"]
    assert len(losses) == 20
    assert sum(losses[-4:]) / 4 < sum(losses[:4]) / 4 - 0.1


# Behind a layer that is removed nothing is trained.
@pytest.mark.parametrize("recipe", sorted(set(EVERY_RECIPE) - {"removed"}))
def test_every_weight_and_bias_is_trained(recipe: str) -> None:
    run = trained(tiny_spec(recipe))
    start, end = weights(Run.make(run.spec, splits=digits())), weights(run)
    names = [name for name in end if " mask " not in name]
    assert [name for name in names if torch.equal(end[name], start[name])] == []


@every_recipe
def test_the_optimiser_owns_masters_and_decays_no_bias(recipe: str) -> None:
    run = Run.make(tiny_spec(recipe, weight_decay=0.07), splits=digits())
    decay = {id(p): g["weight_decay"] for g in run.optimizer.param_groups for p in g["params"]}
    owned = {n: run.sparsifier.masters.get(n, p) for n, p in run.model.named_parameters()}
    found = {name: decay.pop(id(parameter)) for name, parameter in owned.items()}
    exempt = {n for n, p in owned.items() if p.ndim < 2 or n == "pos_embed"}
    assert found == {name: 0.0 if name in exempt else 0.07 for name in owned} and not decay


@pytest.mark.parametrize("recipe", ["dense", "sr_ste", "mdgf_linear"])
def test_four_micro_batches_train_as_one_does(recipe: str) -> None:
    # One step of SGD at a time: rounding is 1e-7 of weights of 0.1, and AdamW would enlarge it.
    more: dict[str, Any] = {"options": {"lambda_w": 0.3}} if recipe == "sr_ste" else {}
    one, four = (
        trained(tiny_spec(recipe, optimizer="sgd", learning_rate=0.1, accumulation=n, **more))
        for n in (1, 4)
    )
    for name, value in weights(one).items():
        torch.testing.assert_close(weights(four)[name], value, rtol=1e-4, atol=1e-5)


def test_half_precision_trains_sr_ste_as_full_precision_does() -> None:
    # A term of 0.3 W that the loss scale of 65536 divided would leave no trace.
    spec = tiny_spec("sr_ste", options={"lambda_w": 0.3}, optimizer="sgd", learning_rate=0.1)
    half = replace(spec, training=replace(spec.training, precision="float16"))
    for name, value in weights(trained(spec)).items():
        torch.testing.assert_close(weights(trained(half))[name], value, rtol=0, atol=2e-3)


def test_the_learning_rate_warms_up_and_falls_to_its_minimum() -> None:
    every = StatisticsSettings(every=1, noise_every=1000)
    run = trained(tiny_spec(steps=20, warmup=0.2, learning_rate=0.016, statistics=every))
    rates = [row.value for row in run.rows if row.name == "learning_rate"]
    assert rates[:4] == pytest.approx([0.002, 0.006, 0.010, 0.014])
    assert rates[4:] == sorted(rates[4:], reverse=True) and 0 < rates[-1] < 0.001


@pytest.mark.parametrize(
    ("total", "count", "steps"),
    [(14, 3, {5, 9, 14}), (10, 10, set(range(1, 11))), (3, 10, {1, 2, 3}), (7, 1, {7})],
)
def test_evaluations_are_evenly_spaced_and_include_the_last_step(
    total: int, count: int, steps: set[int]
) -> None:
    assert evaluation_steps(total, count) == steps


def test_the_best_evaluation_is_taken_at_the_strict_target_only() -> None:
    def make(step: int, loss: float, at_target: bool) -> Evaluation:
        return Evaluation(step, {"loss": loss}, at_target)

    evaluations = [make(1, 0.2, False), make(2, 0.5, True), make(3, 0.4, True), make(4, 0.4, True)]
    lowest = best_at_target(evaluations, metric="loss", higher_is_better=False)
    highest = best_at_target(evaluations, metric="loss", higher_is_better=True)
    assert (lowest.step, highest.step) == (3, 2)


@sparse_recipe
def test_an_evaluation_counts_when_its_last_step_was_at_the_target(recipe: str) -> None:
    spec = tiny_spec(recipe, evaluations=14)
    run = trained(spec)

    def at_target(step: int) -> bool:
        return all(
            (phase.pattern, phase.mask_decay) == (pattern, 0.0)
            for (pattern, _), phase in run.sparsifier.phases(step).items()
        )

    found = [e.at_target for e in run.evaluations]
    assert found == [at_target(step) for step in range(14)] and found[-1]


@dataclass(frozen=True, kw_only=True)
class Recorder(DigitsVit):
    """The digits, whose metric is the sum of the weights of one layer."""

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        weight = model.get_parameter("blocks.0.mlp.fc1.weight").detach()
        return {"sum": float(weight.double().sum()), "kept": float((weight != 0).double().mean())}


def evaluated(run: Run) -> dict[str, float]:
    return evaluate(
        Recorder(**TINY_VIT),
        run.model,
        run.splits,
        sparsifier=run.sparsifier,
        average=run.average,
        precision=run.precision,
    )


@sparse_recipe
def test_an_average_is_masked_anew_for_evaluation(recipe: str) -> None:
    run = trained(tiny_spec(recipe, ema_decay=0.8))
    before, found = weights(run), evaluated(run)
    assert_same(before, weights(run))
    assert run.average is not None
    with run.average.in_place():
        layer = next(x for x in run.sparsifier.layers if x.name == "blocks.0.mlp.fc1")
        expected = layer.weight[run.sparsifier.target_mask(layer)].double().sum()
    assert found == {"kept": 0.25, "sum": pytest.approx(float(expected), rel=1e-12)}


def test_an_average_is_that_of_the_dense_masters() -> None:
    masters = [
        trained(tiny_spec("random_mask", steps=3, warmup=0.0)).sparsifier.masters,
    ]
    run = Run.make(tiny_spec("random_mask", steps=3, warmup=0.0, ema_decay=0.8), splits=digits())
    seen: list[Tensor] = []
    train(run, progress=lambda r: seen.append(next(iter(r.sparsifier.masters.values())).clone()))
    torch.testing.assert_close(seen[-1], next(iter(masters[0].values())))
    expected = Run.make(run.spec, splits=digits()).sparsifier.masters["blocks.0.attn.qkv.weight"]
    for value in seen:
        expected = 0.8 * expected + 0.2 * value
    assert run.average is not None
    with run.average.in_place():
        found = run.sparsifier.masters["blocks.0.attn.qkv.weight"].detach().clone()
    torch.testing.assert_close(found, expected.detach(), rtol=1e-5, atol=1e-7)


def broken_digits(first_bad: int) -> Splits:
    """Return the digits with NaN in every image from an index on."""
    inputs = digits().train.inputs.clone()
    inputs[first_bad:] = torch.nan
    return replace(digits(), train=TensorData(inputs, digits().train.labels))


def test_a_loss_that_is_no_number_stops_the_run_and_is_remembered() -> None:
    run = train(Run.make(tiny_spec("sr_ste"), splits=broken_digits(960)))
    batches = index_batches(1000, batch_size=24, seed=3)
    first = next(i for i, (_, _, indices) in enumerate(batches) if int(indices.max()) >= 960)
    assert run.diverged_at == run.step == first
    assert all(bool(p.isfinite().all()) for p in run.model.parameters())
