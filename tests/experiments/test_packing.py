"""The number of runs that a job trains follows from the length of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.experiments.packing import MOST_RUNS, STEPS_OF_A_JOB, packed_runs

STEPS = st.integers(1, 10**6)
STACKS = st.integers(1, MOST_RUNS)


@pytest.mark.parametrize(
    ("steps", "runs"),
    [(3, 25), (200, 25), (201, 24), (1000, 5), (2500, 2), (2501, 1), (5001, 1), (300_000, 1)],
)
def test_short_runs_share_a_job_and_long_ones_do_not(steps: int, runs: int) -> None:
    assert packed_runs(steps=steps) == runs


@given(steps=STEPS, processes=st.integers(2, 16))
def test_a_run_of_several_processes_has_a_job_of_its_own(steps: int, processes: int) -> None:
    assert packed_runs(steps=steps, processes=processes) == 1


@given(steps=STEPS, stack=STACKS)
def test_a_job_holds_whole_stacks_and_one_at_least(steps: int, stack: int) -> None:
    runs = packed_runs(steps=steps, stack=stack)
    assert runs % stack == 0 and stack <= runs <= MOST_RUNS


@given(steps=STEPS, stack=STACKS)
def test_a_job_of_several_stacks_is_not_long(steps: int, stack: int) -> None:
    runs = packed_runs(steps=steps, stack=stack)
    assert runs == stack or runs * steps <= STEPS_OF_A_JOB


@given(steps=STEPS, longer=STEPS)
def test_longer_runs_are_never_more_to_a_job(steps: int, longer: int) -> None:
    assert packed_runs(steps=steps + longer) <= packed_runs(steps=steps)
