"""The paired t-test and its power, against scipy and against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pgf.analysis.power import paired_t_p, pooled_spread, smallest_effect

numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=12)


@given(numbers)
def test_the_p_is_that_of_scipy(values):
    sample = np.array(values)
    if sample.std() < 1e-6:
        return
    expected = stats.ttest_1samp(sample, 0.0).pvalue
    assert paired_t_p(sample) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(numbers)
def test_the_p_does_not_depend_on_direction_or_unit(values):
    sample = np.array(values)
    if sample.std() < 1e-6:
        return
    assert paired_t_p(-3 * sample) == pytest.approx(paired_t_p(sample), rel=1e-6, abs=1e-12)


def test_without_spread_there_is_a_difference_or_none():
    assert paired_t_p([2.0, 2.0]) == 0
    assert paired_t_p([0.0, 0.0, 0.0]) == 1
    assert math.isnan(paired_t_p([1.0])) and math.isnan(paired_t_p([]))


@pytest.mark.parametrize("n", [3, 6, 12])
def test_the_smallest_effect_is_found_in_four_of_five_experiments(n):
    effect = smallest_effect(n, 2.0, alpha=0.05)
    rng = np.random.default_rng(5)
    found = [paired_t_p(rng.normal(effect, 2.0, n)) <= 0.05 for _ in range(2000)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.03)


def test_more_pairs_find_smaller_effects():
    # Published power tables: an effect of one standard deviation takes ten pairs.
    assert smallest_effect(10, 1.0, alpha=0.05) <= 1.0 < smallest_effect(9, 1.0, alpha=0.05)
    assert smallest_effect(1, 1.0, alpha=0.05) == math.inf


def test_spreads_are_pooled_by_degrees_of_freedom():
    # Squares about the means: 2 and 8, degrees 1 and 2.
    assert pooled_spread([[0.0, 2.0], [1.0, 3.0, 5.0]]) == pytest.approx(math.sqrt(10 / 3))
    assert math.isnan(pooled_spread([[1.0], []]))
