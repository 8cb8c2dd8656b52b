"""The noise estimator on a model whose gradient's distribution is known."""

import math

import numpy as np
import pytest
import torch
from support.helpers import digits, tiny_spec
from support.states import dense_sparsifier, step_state
from torch import Tensor, nn

from pgf.experiments.settings import StatisticsSettings
from pgf.records.record import OVERALL
from pgf.training.gradients import GradientStatistics
from pgf.training.run_state import Run
from pgf.training.step import _half_losses


def noise_of(samples: Tensor, observer: GradientStatistics, model: nn.Module) -> dict[str, float]:
    """Return the noise statistics of a model whose gradient is the mean of its inputs."""
    sparsifier = dense_sparsifier(model)
    optimizer = torch.optim.AdamW(model.parameters())
    model.get_parameter("fc1.weight").grad = samples.mean(dim=0, keepdim=True)
    half = len(samples) // 2
    means = model(samples[:half]).mean(), model(samples[half:]).mean()
    state = step_state(sparsifier, optimizer, half_losses=lambda: (*means, half / len(samples)))
    observer.rows.clear()
    observer.before_update(state)
    return {row.name: row.value for row in observer.rows if row.layer == OVERALL}


def test_the_noise_is_estimated_without_bias() -> None:
    spread, mean = torch.tensor([0.5, 1.5, 2.0, 3.0]).double(), torch.tensor([0.3, -0.2, 0.7, 0.4])
    model = nn.ModuleDict({"fc1": nn.Linear(4, 1, bias=False).double()})
    model.forward = model["fc1"].forward  # type: ignore[method-assign]
    observer = GradientStatistics.make(
        StatisticsSettings(every=1, noise_every=1),
        sparsifier=dense_sparsifier(model),
        references=("2:4(FF)",),
    )
    generator, trials, size = torch.Generator().manual_seed(6), 800, 6
    found = []
    for _ in range(trials):
        normal = torch.randn(size, 4, generator=generator, dtype=torch.float64)
        found.append(noise_of(mean + spread * normal, observer, model))
    variances = spread.square() / size
    error = math.sqrt(2 * float((2 * variances).square().sum()) / 4 / trials)
    estimate = np.mean([x["noise_variance"] for x in found])
    assert estimate == pytest.approx(float(variances.sum()), abs=4 * error)
    halves = 2 * variances
    error = math.sqrt(float((halves.square() + 2 * halves * mean.square()).sum()) / trials)
    estimate = np.mean([x["noise_signal"] for x in found])
    assert estimate == pytest.approx(float(mean.square().sum()), abs=4 * error)


def test_samples_are_mixed_within_a_half_and_never_across() -> None:
    run = Run.make(tiny_spec("ste", mixup=0.8, batch_size=24), splits=digits())
    seen: list[Tensor] = []
    run.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))
    # Samples 0..11 are ones, 12..23 twos: a mixture across the halves would lie between.
    values = torch.tensor([1.0] * 12 + [2.0] * 12)
    drawn = (values.reshape(24, 1, 1, 1).expand(24, 1, 8, 8).clone(), torch.arange(24) % 10)
    _half_losses(run, drawn)
    first, second = seen
    assert torch.allclose(first, torch.ones_like(first)) and len(first) == 12
    assert torch.allclose(second, torch.full_like(second, 2.0))
