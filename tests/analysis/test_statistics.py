"""Statistics against hand-worked numbers, scipy, and slow definitions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pgf.analysis.statistics import (
    bootstrap_limits,
    holm,
    mean_interval,
    sign_flip_p,
)
from pgf.experiments.settings import MAX_EXACT

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)
whole_differences = st.lists(st.integers(-9, 9), min_size=1, max_size=9)


def test_interval_of_two_values_by_hand():
    # mean 3, ddof-1 deviation sqrt(2), so half = t(0.975, 1) * sqrt(2) / sqrt(2) = 12.7062
    interval = mean_interval([2.0, 4.0], confidence=0.95)
    assert interval.estimate == 3.0
    assert interval.half_width == pytest.approx(12.706204736, rel=1e-9)
    assert interval.n == 2


def test_interval_is_that_of_scipy():
    values = np.array([1.3, 2.9, 2.2, 7.1, 3.3])
    low, high = stats.t.interval(0.9, 4, loc=values.mean(), scale=stats.sem(values))
    interval = mean_interval(values, confidence=0.9)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-12)


def test_one_value_has_no_interval_and_none_has_no_mean():
    one, none = mean_interval([4.5], confidence=0.95), mean_interval([], confidence=0.95)
    assert (one.estimate, one.n) == (4.5, 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    assert math.isnan(none.estimate)
    assert none.n == 0


def test_interval_covers_the_mean_as_often_as_it_says():
    samples = np.random.default_rng(3).normal(5.0, 2.0, (2000, 4))
    intervals = [mean_interval(sample, confidence=0.9) for sample in samples]
    covered = np.mean([i.low <= 5.0 <= i.high for i in intervals])
    # Three standard errors of a share of 0.9 in 2000 trials are 0.02.
    assert covered == pytest.approx(0.9, abs=0.02)


def test_the_bootstrap_of_a_mean_is_about_as_wide_as_student_s_interval():
    rng = np.random.default_rng(5)
    widths = []
    for sample in rng.normal(5.0, 2.0, (100, 6)):
        means = sample[rng.integers(0, 6, (4000, 6))].mean(axis=1)
        low, high = bootstrap_limits(means, [6], confidence=0.95)
        interval = mean_interval(sample, confidence=0.95)
        assert low < np.percentile(means, 2.5) < np.percentile(means, 97.5) < high
        widths.append((high - low) / (2 * interval.half_width))
    assert np.mean(widths) == pytest.approx(1.0, abs=0.1)


def test_a_stratum_of_one_value_has_no_bootstrap_limits():
    assert all(map(math.isnan, bootstrap_limits([1.0, 2.0], [6, 1], confidence=0.95)))


@pytest.mark.parametrize("values", [[1.0, math.nan], [math.inf]])
def test_numbers_that_are_not_finite_are_refused(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(values, confidence=0.95)


@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([2.0], 1.0),
        ([1.0, 2.0, 3.0], 2 / 8),
        ([-1.0, 2.0, 3.0], 4 / 8),  # |sum| >= 4: +++ 6, -++ 4, and their mirrors
        ([1.0, 1.0, 1.0, -1.0], 10 / 16),  # |sum| >= 2: all but the 6 with two of each sign
        ([0.1, 0.2, -0.3], 1.0),  # sums to zero, but not in floating point
        ([0.0, 0.0], 1.0),
    ],
)
def test_sign_flip_p_by_hand(differences, p):
    assert sign_flip_p(differences) == p


@given(whole_differences)
def test_sign_flip_p_is_its_definition(differences):
    signs = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(sum(s * d for s, d in zip(sign, differences, strict=True))) for sign in signs]
    seen = abs(sum(differences))
    assert sign_flip_p(differences) == sum(s >= seen for s in sums) / len(sums)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=9))
def test_sign_flip_p_ignores_order_sign_and_scale(differences):
    p = sign_flip_p(differences)
    assert sign_flip_p(differences[::-1]) == p
    assert sign_flip_p([-0.3 * d for d in differences]) == p


def test_sign_flip_p_is_that_of_scipy():
    differences = np.array([0.31, -0.12, 0.55, 0.27, -0.08, 0.44, 0.13])
    found = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(differences) == pytest.approx(found.pvalue, rel=1e-12)


def test_ties_that_rounding_breaks_still_count():
    tied = np.array([0.1, 0.2, 0.3, 0.3])
    assert sign_flip_p(np.array([0.1, 0.2, -0.3, 0.3])) == sign_flip_p([1, 2, -3, 3])
    assert sign_flip_p(tied) == 2 / 2**4


def test_twenty_pairs_and_more_are_still_exact():
    assert sign_flip_p(np.arange(1.0, 21.0)) == 2 / 2**20
    assert sign_flip_p(np.arange(1.0, 31.0)) == 2 / 2**30


def test_more_pairs_than_can_be_enumerated_are_refused():
    with pytest.raises(ValueError, match=f"at most {MAX_EXACT} pairs"):
        sign_flip_p(np.ones(MAX_EXACT + 1))


@pytest.mark.parametrize("n", [1, 2, 5, 8, 11])
def test_the_smallest_p_is_attained_when_all_differences_agree(n):
    assert sign_flip_p(np.linspace(1, 2, n)) == 2 / 2**n


def test_no_pairs_have_no_p():
    assert math.isnan(sign_flip_p([]))


def test_holm_by_hand():
    # Sorted 0.01 x 4, 0.02 x 3, 0.03 x 2 (raised by its predecessor), 0.5 x 1
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])


def test_holm_leaves_out_what_was_not_compared():
    assert holm([0.02, math.nan, 0.04]) == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)


@given(p_values)
def test_holm_keeps_order_and_never_lowers(p):
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    assert (adjusted >= p).all()
    assert (np.diff(adjusted[order]) >= 0).all()
    assert (adjusted <= 1).all()


@given(p_values, st.floats(0, 1))
def test_holm_grows_with_its_family(p, further):
    assert (holm([*p, further])[: len(p)] >= holm(p)).all()


@given(p_values)
def test_holm_lies_between_no_correction_and_bonferroni(p):
    assert (holm(p) <= np.minimum(1, np.array(p) * len(p)) + 1e-15).all()
