"""The noise estimator on a model whose gradient's distribution is known."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
from pgf.training.step import _batch_gradients, _gradients


def noise_of(
    batches: tuple[Tensor, Tensor], observer: GradientStatistics, model: nn.Module
) -> dict[str, float]:
    """Return the noise statistics of a model whose gradient is the mean of its inputs."""
    sparsifier = dense_sparsifier(model)
    optimizer = torch.optim.AdamW(model.parameters())
    model.get_parameter("fc1.weight").grad = batches[0].mean(dim=0, keepdim=True)

    def gradients(weights: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
        return [torch.autograd.grad(model(batch).mean(), weights) for batch in batches]

    state = step_state(sparsifier, optimizer, batch_gradients=gradients)
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
        normal = torch.randn(2, size, 4, generator=generator, dtype=torch.float64)
        found.append(noise_of(tuple(mean + spread * normal), observer, model))
    variances = spread.square() / size
    error = math.sqrt(2 * float((2 * variances).square().sum()) / 4 / trials)
    estimate = np.mean([x["noise_variance"] for x in found])
    assert estimate == pytest.approx(float(variances.sum()), abs=4 * error)
    error = math.sqrt(float((variances.square() + 2 * variances * mean.square()).sum()) / trials)
    estimate = np.mean([x["noise_signal"] for x in found])
    assert estimate == pytest.approx(float(mean.square().sum()), abs=4 * error)


def gradients_of(run: Run) -> tuple[Tensor, Tensor]:
    """Return the gradients of a run's two batches as one vector each."""
    first, second = _batch_gradients(run, weights_of(run))
    return torch.cat([g.flatten() for g in first]), torch.cat([g.flatten() for g in second])


def test_two_batches_are_a_matter_of_seed_and_step_and_disturb_nothing() -> None:
    run = Run.make(tiny_spec("ste", batch_size=24), splits=digits())
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = gradients_of(run)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not torch.equal(first, second)
    assert all(map(torch.equal, gradients_of(run), (first, second)))
    run.step += 1
    assert not torch.equal(gradients_of(run)[0], first)


def test_the_parts_of_a_batch_sum_to_the_whole() -> None:
    whole = Run.make(tiny_spec("ste", batch_size=24), splits=digits())
    parts = Run.make(tiny_spec("ste", batch_size=24, accumulation=3), splits=digits())
    for one, other in zip(gradients_of(whole), gradients_of(parts), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@dataclass(frozen=True)
class Alike:
    """Batches of samples that are all alike, as those of texts of one length are."""

    size: int = 64

    def __len__(self) -> int:
        return self.size

    def on(self, device: torch.device) -> "Alike":
        return self

    def stream(self, *, batch_size: int, seed: int, **_: object) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(seed)
        while True:
            kind = int(torch.randint(2, (1,), generator=generator))
            yield torch.full((batch_size, 1, 8, 8), float(kind)), torch.full((batch_size,), kind)


def test_what_differs_between_batches_alone_is_noise() -> None:
    splits = replace(digits(), train=Alike())
    run = Run.make(tiny_spec("ste", batch_size=8), splits=splits)
    found = []
    for step in range(40):
        run.step = step
        first, second = gradients_of(run)
        found.append(float((first - second).square().sum()) / 2)
    one, other = (
        torch.cat([g.flatten() for g in _gradients(run, batch, weights_of(run), seed=1, number=0)])
        for batch in (a_batch(kind) for kind in (0, 1))
    )
    # The gradient is one of two, each half of the time: a quarter of their squared distance.
    variance = float((one - other).square().sum()) / 4
    assert np.mean(found) == pytest.approx(variance, rel=0.35)


def weights_of(run: Run) -> list[Tensor]:
    return [p for p in run.model.parameters() if p.requires_grad]


def a_batch(kind: int) -> tuple[Tensor, Tensor]:
    return torch.full((8, 1, 8, 8), float(kind)), torch.full((8,), kind)
