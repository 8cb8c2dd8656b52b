"""Means by which settings are chosen, and durations as people say them."""

import pandas as pd
import pytest

from pgf.analysis.selection import mean_by_dense_share, mean_by_task
from pgf.errors import UserError
from pgf.jobs.progress import duration


def runs() -> pd.DataFrame:
    columns = ["task", "target", "recipe.kind", "recipe.dense", "final", "status"]
    rows = [
        ("a", "dense", "dense", 0.0, 97.0, "complete"),
        ("a", "1:4(FF)", "sr_ste", 0.0, 90.0, "complete"),
        ("a", "1:4(FF)", "sr_ste", 0.1, 92.0, "complete"),
        ("a", "1:4(FF)", "sr_ste", 0.2, 95.0, "complete"),
        ("a", "1:4(FF)", "one_shot", 0.5, 99.0, "complete"),
        ("b", "1:4(FF)", "sr_ste", 0.1, 96.0, "complete"),
    ]
    return pd.DataFrame(rows, columns=columns).assign(higher_is_better=True, metric="accuracy")


def test_tasks_are_ordered_by_their_mean_over_all_runs() -> None:
    assert dict(mean_by_task(runs())) == pytest.approx({"b": 96.0, "a": 94.6})
    assert mean_by_task(runs()).index[0] == "b"


def test_dense_shares_are_compared_over_recipes_that_vary_theirs() -> None:
    assert dict(mean_by_dense_share(runs(), task="a")) == {0.2: 95.0, 0.1: 92.0}


def test_a_lower_metric_can_be_the_better_one() -> None:
    assert mean_by_task(runs().assign(higher_is_better=False)).index[0] == "a"


def test_diverged_runs_are_not_averaged_away() -> None:
    with pytest.raises(UserError, match="diverged"):
        mean_by_task(runs().assign(status="diverged"))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (61, "61 s"), (500, "8 min"), (9000, "2.5 h")]
)
def test_a_duration_reads_as_people_say_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
