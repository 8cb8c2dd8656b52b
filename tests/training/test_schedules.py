"""Learning rates at the middle of every step, against slow formulas; Adam's epsilon."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.helpers import digits, tiny_spec

from pgf.errors import UserError
from pgf.experiments.settings import TrainingSettings
from pgf.training.optimization import Schedule, check_optimization
from pgf.training.run_state import Run

LENGTHS = st.integers(1, 400)
WARM_UPS = st.floats(0, 0.9)


def settings_of(**values: object) -> TrainingSettings:
    return TrainingSettings(**{"batch_size": 1, "learning_rate": 0.3, **values})  # type: ignore[arg-type]


def rates(settings: TrainingSettings) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=settings.learning_rate)
    schedule = Schedule.make(optimizer, settings)
    return [schedule.set(step) for step in range(settings.steps)]


@given(LENGTHS, WARM_UPS)
def test_constant_rises_in_a_line_and_stays(steps: int, warmup: float) -> None:
    found = rates(settings_of(steps=steps, schedule="constant", warmup=warmup))
    rise = round(warmup * steps)
    slow = [0.3 * ((i + 0.5) / rise if i + 0.5 < rise else 1.0) for i in range(steps)]
    assert found == pytest.approx(slow)


@given(LENGTHS, WARM_UPS)
def test_inverse_sqrt_rises_in_a_line_and_falls_as_the_root(steps: int, warmup: float) -> None:
    found = rates(settings_of(steps=steps, schedule="inverse_sqrt", warmup=warmup))
    rise = max(1, round(warmup * steps))
    slow = []
    for middle in (i + 0.5 for i in range(steps)):
        slow.append(0.3 * middle / rise if middle < rise else 0.3 * (rise / middle) ** 0.5)
    assert found == pytest.approx(slow)


def test_the_papers_rate_is_that_of_its_code() -> None:
    from pgf.experiments.config import load_experiment

    training = load_experiment("wmt17_encdec").runs()[0].training
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=training.learning_rate)
    schedule = Schedule.make(optimizer, training)
    for step in (0, 500, 999, 1000, 5000, 199_999):
        at = step + 0.5
        slow = 0.0625 * min(1.0, at / 1000) / max(at, 1000) ** 0.5
        assert schedule.set(step) == pytest.approx(slow, rel=1e-3)


@pytest.mark.parametrize("schedule", ["constant", "inverse_sqrt"])
def test_what_never_comes_down_has_no_cooldown(schedule: str) -> None:
    with pytest.raises(UserError, match=f"cooldown: the schedule '{schedule}' never comes down"):
        check_optimization(settings_of(steps=9, schedule=schedule, cooldown=0.1, warmup=0.1))


def test_inverse_sqrt_takes_a_warm_up() -> None:
    with pytest.raises(UserError, match=r"training\.warmup.*'inverse_sqrt' begins where a warm-up"):
        check_optimization(settings_of(steps=9, schedule="inverse_sqrt", warmup=0.0))
    check_optimization(settings_of(steps=9, schedule="constant", warmup=0.0))


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "nadamw", "adamp"])
def test_epsilon_reaches_the_optimizer(optimizer: str) -> None:
    for epsilon, expected in ((1e-3, 1e-3), (None, 1e-8)):
        spec = tiny_spec(optimizer=optimizer, epsilon=epsilon)
        run = Run.make(spec, splits=digits())
        assert {group["eps"] for group in run.optimizer.param_groups} == {expected}


@pytest.mark.parametrize("epsilon", [0.0, -1e-9])
def test_epsilon_is_positive(epsilon: float) -> None:
    with pytest.raises(ValueError, match="epsilon"):
        settings_of(steps=1, epsilon=epsilon)
