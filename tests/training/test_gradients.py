"""Every statistic against a direct computation on the gradients of a few steps."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from support.helpers import SPARSE_RECIPES, TARGET, digits, tiny_spec
from support.masks import slow_mask
from torch import Tensor, nn

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import StatisticsSettings
from pgf.recipes import GradientRule, MaskSource
from pgf.recipes.patterns import Target
from pgf.records.record import OVERALL
from pgf.seeds import seed_for
from pgf.sparsity.selection import select_layers
from pgf.training.gradients import MASK_STATISTICS, STATISTICS
from pgf.training.loop import train
from pgf.training.observers import CurvePoint, StepState
from pgf.training.run_state import Run

Arrays = dict[str, np.ndarray]
EXPECTED: dict[str, Callable[[Arrays], float]] = {
    "gradient_norm": lambda x: float(np.linalg.norm(x["g"])),
    "gradient_variance": lambda x: float(np.var(x["g"])),
    "gradient_cosine": lambda x: float(
        x["g"] @ x["g_before"] / np.linalg.norm(x["g"]) / np.linalg.norm(x["g_before"])
    ),
    "second_moment_norm": lambda x: float(np.linalg.norm(x["v"])),
    "second_moment_variance": lambda x: float(np.var(x["v"])),
    "noise_variance": lambda x: float(np.sum((x["a"] - x["b"]) ** 2)) / 2,
    "noise_signal": lambda x: float(x["a"] @ x["b"]),
    "gradient_norm_kept": lambda x: float(np.linalg.norm(x["g"][x["mask"]])),
    "gradient_norm_pruned": lambda x: float(np.linalg.norm(x["g"][~x["mask"]])),
    "flip_rate": lambda x: float(np.mean(x["mask"] != x["mask_before"])),
    "cumulative_sad": lambda x: float(np.mean(x["sad"])),
    "kept_mass": lambda x: float(np.abs(x["w"][x["mask"]]).sum() / np.abs(x["w"]).sum()),
}


def flat(tensor: Tensor) -> np.ndarray:
    values = tensor.detach().reshape(-1)
    return values.numpy().astype(bool if values.dtype is torch.bool else np.float64)


@dataclass
class Capture:
    """An observer that keeps what every step's statistics are made from, by layer."""

    run: Run
    target: str
    steps: list[dict[str, Arrays]] = field(default_factory=list)
    rows: list[CurvePoint] = field(default_factory=list)

    def before_update(self, state: StepState) -> None:
        layers: dict[str, Arrays] = {}
        batches = self.batches(state)
        for block, pattern in select_layers(state.model, Target.parse(self.target)):
            own = state.owned(block)
            assert own.grad is not None
            w = block.view(own.detach())
            x = {"g": flat(block.view(own.grad)), "w": flat(w)}
            x["mask"] = flat(self.fixed_mask(block.name, w, pattern))
            if "exp_avg_sq" in state.optimizer.state[own]:
                bias = 1.0 - self.run.spec.training.betas[1] ** state.step  # a step, an update
                x["v"] = flat(block.view(state.optimizer.state[own]["exp_avg_sq"])) / bias
            for key, gradients in zip("ab", batches, strict=True):
                g = self.restrict(block.name, block.view(gradients[block.module_name]))
                x[key] = flat(g * state.clip_coefficient)
            layers[block.name] = x
        self.steps.append(layers)

    def fixed_mask(self, name: str, weight: Tensor, pattern: Any) -> Tensor:
        recipe = self.run.sparsifier.recipe
        own = {layer.name: layer for layer in self.run.sparsifier.layers}
        source = recipe.at_target(pattern).mask_source
        if name in own and source is not MaskSource.MAGNITUDE and source in own[name].fixed:
            return own[name].fixed[source]
        return slow_mask(weight, pattern)

    def restrict(self, name: str, gradient: Tensor) -> Tensor:
        own = {layer.name: layer for layer in self.run.sparsifier.layers}
        if name not in own or own[name].mask is None:
            return gradient
        phase, mask = own[name].phase, own[name].mask.float()
        if phase.gradient_rule is GradientRule.STRAIGHT_THROUGH:
            return gradient
        return gradient * (mask + phase.mask_decay * (1 - mask))

    def batches(self, state: StepState) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        seed = seed_for(3, "noise", state.step)
        stream = self.run.splits.train.stream(batch_size=24, seed=seed)
        return self.one_batch(*next(stream)), self.one_batch(*next(stream))

    def one_batch(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
        modules = dict(self.run.model.named_modules())
        names = [n for n, m in modules.items() if isinstance(m, nn.Linear)]
        loss = nn.functional.cross_entropy(self.run.model(inputs), labels)
        found = torch.autograd.grad(loss, [modules[n].get_parameter("weight") for n in names])
        return dict(zip(names, found, strict=True))

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        del state

    def with_history(self, every: int) -> Iterator[tuple[int, dict[str, Arrays]]]:
        """Yield every sample, with the step before it and the masks' way so far."""
        for step in range(0, len(self.steps), every):
            layers = {name: dict(x) for name, x in self.steps[step].items()}
            for name, x in layers.items():
                samples = [self.steps[s][name]["mask"] for s in range(0, step + 1, every)]
                moves = [one != other for one, other in pairwise(samples)]
                x["sad"] = np.sum([*moves, np.zeros(len(x["mask"]))], axis=0)
                if step:
                    x["g_before"] = self.steps[step - 1][name]["g"]
                    x["mask_before"] = self.steps[step - 1][name]["mask"]
            yield step, layers


def observed(spec: RunSpec, target: str = TARGET) -> tuple[Run, Capture]:
    run = Run.make(spec, splits=digits())
    capture = Capture(run, target)
    run.observers.append(capture)
    return train(run), capture


def statistics_spec(recipe: str, *, every: int = 1, noise_every: int = 1, **more: Any) -> RunSpec:
    statistics = StatisticsSettings(every=every, noise_every=noise_every)
    return tiny_spec(recipe, statistics=statistics, steps=7, accumulation=2, **more)


def expected_rows(capture: Capture, every: int) -> dict[tuple[int, str, str], float]:
    rows = {}
    for step, layers in capture.with_history(every):
        keys = set.intersection(*(set(x) for x in layers.values()))
        joined = {k: np.concatenate([x[k] for x in layers.values()]) for k in keys}
        for layer, arrays in [*layers.items(), (OVERALL, joined)]:
            for name, function in EXPECTED.items():
                try:
                    rows[step, name, layer] = function(arrays)
                except KeyError:
                    continue  # nothing before the first step
    return rows


def found_rows(run: Run) -> dict[tuple[int, str, str], float]:
    return {(row.step, row.name, row.layer): row.value for row in run.observers[0].rows}


def assert_statistics(
    found: dict[tuple[int, str, str], float], expected: dict[tuple[int, str, str], float]
) -> None:
    """Check values that range from 1e-10 to 1; what is 0 in theory may differ by rounding."""
    assert set(found) == set(expected)
    for name in {key[1] for key in found}:
        own = {key: value for key, value in found.items() if key[1] == name}
        absolute = 1e-9 if name == "gradient_norm_pruned" else 1e-12
        theirs = {key: expected[key] for key in own}
        assert own == pytest.approx(theirs, rel=1e-5, abs=absolute)


def test_every_statistic_of_the_registry_is_checked_here() -> None:
    assert set(EXPECTED) == {*STATISTICS, *MASK_STATISTICS}


@pytest.mark.parametrize("recipe", ["dense", *SPARSE_RECIPES])
def test_statistics_are_those_of_the_gradients(recipe: str) -> None:
    # A fixed limit on the norm: the gradients that the optimiser gets are clipped ones.
    run, capture = observed(statistics_spec(recipe, clip_norm=0.4))
    assert_statistics(found_rows(run), expected_rows(capture, 1))


@pytest.mark.parametrize("recipe", ["one_shot", "random_mask", "snip"])
def test_the_norm_of_a_gradient_that_is_stopped_is_zero(recipe: str) -> None:
    run, _ = observed(statistics_spec(recipe, options={"dense": 0.0}))
    found = {row.value for row in run.observers[0].rows if row.name == "gradient_norm_pruned"}
    assert found == {0.0}


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("gradient_variance", {"n": 4.0, "g": 16.0, "gg": 102.0}),
        ("second_moment_variance", {"n": 4.0, "v": 16.0, "vv": 102.0}),
    ],
)
def test_a_variance_is_taken_about_the_mean(name: str, sums: dict[str, float]) -> None:
    assert STATISTICS[name](sums) == np.var([1.0, 2.0, 4.0, 9.0]) == 9.5


@pytest.mark.parametrize("recipe", ["dense", *SPARSE_RECIPES])
def test_the_optimiser_gets_gradients_within_the_limit(recipe: str) -> None:
    # The term of SR-STE joins before clipping, not after it.
    options = {"lambda_w": 5.0} if recipe == "sr_ste" else {}
    spec = statistics_spec(recipe, target="1:4(FF)+2:8(QKV)+2:8(O)", clip_norm=0.03)
    spec = replace(spec, recipe=replace(spec.recipe, options=options))
    _, capture = observed(spec, spec.references[0])
    for layers in capture.steps:
        squares = [float(np.sum(x["g"] ** 2)) for x in layers.values()]
        assert 0.0 < math.sqrt(sum(squares)) <= 0.03 * (1 + 1e-5)


@pytest.mark.parametrize("rule", GradientRule)
def test_statistics_hold_under_either_gradient_rule(rule: GradientRule) -> None:
    options = {"dense": 0.2, "fine_tune": 0.2, "gradient": rule}
    run, capture = observed(statistics_spec("mdgf_linear", options=options))
    assert_statistics(found_rows(run), expected_rows(capture, 1))


def test_rare_samples_are_those_of_their_steps() -> None:
    run, capture = observed(statistics_spec("sdgf_stepwise", every=3, noise_every=6))
    expected = {
        key: value
        for key, value in expected_rows(capture, 3).items()
        if not key[1].startswith("noise") or key[0] % 6 == 0
    }
    found = found_rows(run)
    assert {key[0] for key in found} == {0, 3, 6} and set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_a_dense_run_is_seen_through_the_mask_of_every_target() -> None:
    spec = replace(statistics_spec("dense"), references=("1:4(FF)", "2:8(QK)"))
    run, capture = observed(spec, "2:8(QK)")
    rows = run.observers[0].rows
    masked = {r.reference for r in rows if r.name in MASK_STATISTICS}
    assert masked == {"1:4(FF)", "2:8(QK)"}
    expected = expected_rows(capture, 1)
    found = {(r.step, r.name, r.layer): r.value for r in rows if r.reference == "2:8(QK)"}
    assert found == pytest.approx({key: expected[key] for key in found}, rel=1e-5, abs=1e-12)
    assert {r.reference for r in rows if r.name in STATISTICS} == masked
