"""The paired t-test: its p, and what it can find with so many seeds."""

import math

import numpy as np
from numpy.typing import ArrayLike

from pgf.analysis.statistics import finite_sample

POWER = 0.8
"""Share of experiments with a true effect in which the test is to find it."""


def paired_t_p(differences: ArrayLike) -> float:
    """Return the two-sided p of the paired t-test; NaN below two pairs.

    Differences (n,) that are all alike have no spread to go by: p is 0, or 1 if they are all 0.
    """
    from scipy.special import stdtr  # takes longer than all the rest of this module

    sample = finite_sample(differences)
    if sample.size < 2:
        return float("nan")
    mean, spread = float(sample.mean()), float(sample.std(ddof=1))
    if spread == 0.0:
        return float(mean == 0.0)
    t = mean / spread * math.sqrt(sample.size)
    return float(2 * stdtr(sample.size - 1, -abs(t)))


def smallest_effect(n: int, spread: float, *, alpha: float, power: float = POWER) -> float:
    """Return the true mean difference that the test finds with this power; infinite below two.

    Args:
        n: pairs of seeds.
        spread: standard deviation of a paired difference.
        alpha: level of the two-sided test.
        power: share of experiments in which it is to be found.
    """
    from scipy.special import nctdtrinc, stdtrit

    if n < 2:
        return math.inf
    critical = float(stdtrit(n - 1, 1 - alpha / 2))
    # The other tail would add less than 0.001 to the power.
    noncentral = float(nctdtrinc(n - 1, 1 - power, critical))
    return noncentral * spread / math.sqrt(n)


def pooled_spread(samples: list[ArrayLike]) -> float:
    """Return the standard deviation within samples, their variances pooled by degrees of freedom.

    NaN where no sample has two values.
    """
    known = [finite_sample(sample) for sample in samples]
    degrees = sum(max(0, sample.size - 1) for sample in known)
    if degrees == 0:
        return float("nan")
    squares = math.fsum(
        float(np.sum((sample - sample.mean()) ** 2)) for sample in known if sample.size
    )
    return math.sqrt(squares / degrees)
