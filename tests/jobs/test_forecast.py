"""The end of some jobs, side by side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.jobs.forecast import duration, seconds_to_end

JOBS = st.lists(st.floats(0, 1e5), max_size=12)
SIDE_BY_SIDE = st.integers(1, 5)


@pytest.mark.parametrize(
    ("side_by_side", "seconds"),
    [(1, 17.0), (2, 10.0), (3, 7.0), (4, 7.0)],
)
def test_each_job_starts_on_the_first_core_that_is_free(side_by_side: int, seconds: float) -> None:
    assert seconds_to_end([3.0, 7.0, 4.0, 3.0], side_by_side=side_by_side) == seconds


@given(jobs=JOBS, side_by_side=SIDE_BY_SIDE)
def test_the_end_lies_between_an_even_share_and_all_one_after_another(
    jobs: list[float], side_by_side: int
) -> None:
    end = seconds_to_end(jobs, side_by_side=side_by_side)
    assert end <= sum(jobs) * (1 + 1e-9)
    assert end * side_by_side >= sum(jobs) * (1 - 1e-9)
    assert end >= max(jobs, default=0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (89.0, "89 s"), (90.0, "2 min"), (5400.0, "1.5 h"), (200_000.0, "2 days")],
)
def test_a_time_is_said_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
