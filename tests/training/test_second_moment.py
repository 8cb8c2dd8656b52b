"""AdamW's second moment, bias-corrected: what grows in it is the gradient's, not the average's."""

import pytest
import torch
from support.states import dense_sparsifier, step_state
from torch import nn

from pgf.experiments.settings import StatisticsSettings
from pgf.records.record import OVERALL
from pgf.training.gradients import GradientStatistics


def norms(optimizer: type[torch.optim.Optimizer], **options: object) -> list[float]:
    """Return ||v|| before each of 40 updates by the same gradient, where there is a v."""
    model = nn.ModuleDict({"fc1": nn.Linear(4, 1, bias=False).double()})
    sparsifier = dense_sparsifier(model)
    observer = GradientStatistics.make(
        StatisticsSettings(every=1, noise_every=100), sparsifier=sparsifier, references=("2:4(FF)",)
    )
    made = optimizer(model.parameters(), **options)
    for step in range(40):
        model.get_parameter("fc1.weight").grad = torch.tensor([[1.0, -2.0, 0.5, 3.0]]).double()
        observer.before_update(step_state(sparsifier, made, step=step))
        made.step()
    rows = [row for row in observer.rows if row.layer == OVERALL]
    return [row.value for row in rows if row.name == "second_moment_norm"]


@pytest.mark.parametrize("beta", [0.9, 0.999])
def test_the_second_moment_of_a_constant_gradient_is_its_square_at_every_step(beta: float) -> None:
    found = norms(torch.optim.AdamW, betas=(0.9, beta))
    square = torch.tensor([1.0, 4.0, 0.25, 9.0]).double()
    assert found == pytest.approx([float(square.norm())] * 39, rel=1e-9)


def test_an_optimiser_without_a_second_moment_has_no_such_statistic() -> None:
    assert norms(torch.optim.SGD, lr=0.1) == []
