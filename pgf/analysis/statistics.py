"""Means, intervals and exact tests over seeds: pure functions on arrays.

Standard deviations have ddof 1 throughout. Comparisons are paired by seed. The exact sign-flip
test, which stands beside the t-test of `power.py`, assumes only that a difference is symmetric
around zero when the two recipes do not differ.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pgf.experiments import MAX_EXACT

Array = NDArray[np.float64]

TIE_TOLERANCE = 1e-9
"""Sums that differ by less than this share of the largest possible sum count as equal."""


@dataclass(frozen=True)
class Interval:
    """A mean with its confidence interval; `low` and `high` are NaN below two values."""

    estimate: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Distance from the mean to either end."""
        return (self.high - self.low) / 2


def mean_interval(values: ArrayLike, *, confidence: float) -> Interval:
    """Return the mean of `values` (n,) with Student's t interval, ddof 1.

    Args:
        values: one number per seed; finite.
        confidence: level of the interval, such as 0.95.

    Raises:
        ValueError: `values` is not one-dimensional or holds NaN or infinity.
    """
    sample = finite_sample(values)
    n = sample.size
    if n == 0:
        return Interval(np.nan, np.nan, np.nan, 0)
    mean = float(sample.mean())
    if n == 1:
        return Interval(mean, np.nan, np.nan, 1)
    half = _t_quantile((1 + confidence) / 2, n - 1) * float(sample.std(ddof=1)) / np.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def bootstrap_limits(
    samples: ArrayLike, sizes: Sequence[int], *, confidence: float
) -> tuple[float, float]:
    """Return the expanded percentile interval of bootstrap draws; NaN below two values a stratum.

    Plain percentiles are too narrow for few values: of six they hold the mean in 86 samples of
    100, not in 95. The level is moved so that the interval of a mean is about Student's (Hesterberg
    2015, What Teachers Should Know About the Bootstrap, The American Statistician 69).

    Args:
        samples: the draws.
        sizes: number of values in each stratum that was drawn from.
        confidence: level of the interval, such as 0.95.
    """
    if min(sizes) < 2:
        return math.nan, math.nan
    t = _t_quantile((1 + confidence) / 2, sum(size - 1 for size in sizes))
    reach = t * math.sqrt(min(sizes) / (min(sizes) - 1))
    tail = 50 * math.erfc(reach / math.sqrt(2))
    low, high = np.nanpercentile(np.asarray(samples, dtype=np.float64), [tail, 100 - tail])
    return float(low), float(high)


def sign_flip_p(differences: ArrayLike) -> float:
    """Return the exact two-sided p of the paired sign-flip (permutation) test.

    The share of the 2^n ways to give `differences` (n,) signs whose absolute sum is at least the
    one seen. All 2^n count: the sums of the first half of the pairs are matched with the sorted
    sums of the second. NaN for no pairs.

    Raises:
        ValueError: more than `MAX_EXACT` pairs, or a value that is not finite.
    """
    sample = finite_sample(differences)
    n = sample.size
    if n == 0:
        return float("nan")
    if n > MAX_EXACT:
        raise ValueError(f"the exact test takes at most {MAX_EXACT} pairs, got {n}")
    bound = abs(float(sample.sum())) - TIE_TOLERANCE * float(np.abs(sample).sum())
    first = _signed_sums(sample[: n // 2])
    second = np.sort(_signed_sums(sample[n // 2 :]))
    above = int((second.size - np.searchsorted(second, bound - first)).sum())
    # Every arrangement has its mirror. With a bound of zero all are extreme, some on both sides.
    return float(min(2 * above, 2**n) / 2**n)


def holm(p_values: ArrayLike) -> Array:
    """Return Holm's step-down adjusted p values (k,), in the order given.

    NaN marks a comparison that could not be made: it stays NaN and is not counted.
    """
    p = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int(np.isfinite(p).sum())]
    factors = np.arange(order.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def finite_sample(values: ArrayLike) -> Array:
    """Return one finite number per seed (n,), or raise ValueError."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1:
        raise ValueError(f"expected one number per seed, got an array of shape {sample.shape}")
    if not np.isfinite(sample).all():
        raise ValueError("expected finite numbers, got NaN or infinity")
    return sample


def _signed_sums(values: Array) -> Array:
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return sums


@cache
def _t_quantile(probability: float, degrees: int) -> float:
    # Imported here because it takes longer than all the rest of this module.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))
