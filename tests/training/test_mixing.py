"""Mixed samples and smoothed labels: draws of each micro-batch's own, whoever takes it."""

import pytest
import torch
from support.helpers import digits, tiny_spec, trained

from pgf.experiments.settings import TrainingSettings
from pgf.tasks.data.streams import Batch
from pgf.tasks.digits import DigitsVit
from pgf.training.run_state import Run
from pgf.training.step import prepare


def prepared(accumulation: int) -> list[Batch]:
    """Return the micro-batches of a first step whose samples are the same eight in each third."""
    spec = tiny_spec("dense", mixup=0.5, batch_size=24, accumulation=accumulation)
    inputs, labels = (part[:8] for part in next(digits().train.stream(batch_size=24, seed=1)))
    batch = (inputs.repeat(3, 1, 1, 1), labels.repeat(3))
    return prepare(Run.make(spec, splits=digits()), batch).micro_batches


def test_every_micro_batch_is_mixed_by_a_draw_of_its_own() -> None:
    first, *others = prepared(3)
    for inputs, _ in others:
        assert not torch.equal(inputs, first[0])


def test_the_first_micro_batch_is_mixed_as_a_batch_of_its_own_would_be() -> None:
    spec = tiny_spec("dense", mixup=0.5, batch_size=24, accumulation=3)
    (first, *_), task = prepared(3), DigitsVit()
    inputs, labels = (part[:8] for part in next(digits().train.stream(batch_size=24, seed=1)))
    alone = task.prepare((inputs, labels), spec.training, seed=spec.seed, step=0)
    assert torch.equal(first[0], alone[0]) and torch.equal(first[1], alone[1])


@pytest.mark.parametrize(
    ("batch_size", "more"),
    [
        (24, {"mixup": 0.5}),
        (24, {"cutmix": 0.5}),
        (24, {"label_smoothing": 0.1}),
        (25, {"label_smoothing": 0.1}),
    ],
)
def test_mixing_takes_an_even_batch_and_smoothing_any(
    batch_size: int, more: dict[str, float]
) -> None:
    run = trained(tiny_spec(steps=2, batch_size=batch_size, **more))
    assert run.step == 2


def test_smoothing_shares_out_the_labels() -> None:
    settings = TrainingSettings(steps=1, batch_size=2, learning_rate=1.0, label_smoothing=0.2)
    batch: Batch = (torch.ones(2, 1, 8, 8), torch.tensor([3, 7]))
    _, soft = DigitsVit().prepare(batch, settings, seed=1, step=1)
    assert soft[0].tolist() == pytest.approx([0.02] * 3 + [0.82] + [0.02] * 6)
