"""The metric against the FLOPs of inference, and the Pareto front."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.figures import drawn
from support.synthetic import context, grid

from pgf.analysis.figures.kinds.metric_by_inference_flops import _widths, pareto, points_of


@pytest.fixture(scope="module")
def whole():
    return context(grid(seeds=2))


def slow_front(points, higher_is_better):
    """Return what no other point dominates, by the definition; equal points only once."""
    sign = 1 if higher_is_better else -1

    def dominates(a, b):
        no_worse = a[0] <= b[0] and sign * a[1] >= sign * b[1]
        return no_worse and (a[0] < b[0] or sign * a[1] > sign * b[1])

    return sorted({p for p in points if not any(dominates(q, p) for q in points)})


numbers = st.integers(0, 6).map(float)


@given(st.lists(st.tuples(numbers, numbers), max_size=12), st.booleans())
def test_the_pareto_front_is_what_no_other_point_dominates(points, higher):
    front = [points[i] for i in pareto(points, higher_is_better=higher)]
    assert front == slow_front(points, higher)


def test_the_pareto_front_by_hand():
    points = [(3.0, 9.0), (1.0, 5.0), (2.0, 4.0), (2.0, 7.0), (1.0, 5.0), (4.0, 9.0)]
    assert pareto(points, higher_is_better=True) == [1, 3, 0]
    assert pareto(points, higher_is_better=False) == [1, 2]


def test_the_front_of_the_figure_joins_the_best_means(whole):
    axes = drawn("metric_by_inference_flops", whole).axes[0]
    front = next(line for line in axes.get_lines() if line.get_drawstyle() == "steps-post")
    points = {(p.flops, p.interval.estimate) for p in points_of(whole, "toy")}
    assert len(points) == 1 + 4 * 2
    assert list(zip(*front.get_data(), strict=True)) == slow_front(points, True)
    assert axes.get_xscale() == "log"
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == ["1:16 (FF)\n1.12", "1:4 (FF)\n1.5", "Dense\n3"]


def test_recipes_of_a_target_never_reach_the_next_one():
    widths = _widths([8.0, 8.0, 9.0, 32.0])
    assert set(widths) == {8.0, 9.0, 32.0}
    assert widths[8.0] == widths[9.0] == pytest.approx(0.8 * np.log2(9 / 8))
    assert widths[32.0] == pytest.approx(0.1 * 2)
