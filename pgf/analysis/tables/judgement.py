"""The one rule by which a paired comparison is judged, wherever it is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pgf.analysis.power import paired_t_p
from pgf.analysis.statistics import Interval, mean_interval, sign_flip_p
from pgf.experiments import MAX_EXACT, AnalysisSettings

BETTER = "better"
WORSE = "worse"
NO_EFFECT = "no effect"
NOT_SETTLED = "not settled"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Paired gains at one target, more is better, and what the rule says of them."""

    target: str
    interval: Interval
    p: float
    """Of the paired t-test, two-sided."""
    p_exact: float
    """Of the exact sign-flip test, which stands beside it and decides nothing."""
    margin: float
    """Smallest difference that matters, in the unit of the interval; NaN where none is known."""
    verdict: str
    diverged: int = 0
    """Runs among the pairs that diverged."""

    def is_better(self, analysis: AnalysisSettings) -> bool:
        """Return whether the test finds a gain, be it within the margin or not."""
        negligible = self.verdict == NO_EFFECT and self.interval.estimate > 0
        return self.verdict == BETTER or (negligible and self.p <= analysis.alpha)


def judge(
    target: str,
    gains: ArrayLike,
    *,
    analysis: AnalysisSettings,
    margin: float = float("nan"),
    margin_first: bool = True,
    diverged: int = 0,
) -> Comparison:
    """Judge paired gains (n,) by the paired t-test at `analysis.alpha`.

    `no effect` where the whole interval lies within the margin; else `better` or `worse` where the
    test finds it; else `not settled`. Nothing is corrected for the number of comparisons.

    Args:
        target: where the gains are from.
        gains: one number per pair of seeds, more is better.
        analysis: level of the test and of the interval.
        margin: smallest difference that matters; NaN for none.
        margin_first: False to let a difference that the test finds go before the margin, where
            that is as large as the paper's own effect.
        diverged: runs among the pairs that diverged.
    """
    sample = np.asarray(gains, dtype=np.float64)
    interval = mean_interval(sample, confidence=analysis.confidence)
    p = paired_t_p(sample)
    negligible = interval.n >= 2 and -margin <= interval.low and interval.high <= margin
    found = p <= analysis.alpha
    if found and not (negligible and margin_first):
        verdict = BETTER if interval.estimate > 0 else WORSE
    else:
        verdict = NO_EFFECT if negligible else NOT_SETTLED
    return Comparison(
        target=target,
        interval=interval,
        p=p,
        p_exact=sign_flip_p(sample) if sample.size <= MAX_EXACT else float("nan"),
        margin=margin,
        verdict=verdict,
        diverged=diverged,
    )


def expected_by_chance(comparisons: Sequence[Comparison], analysis: AnalysisSettings) -> str:
    """Return a sentence on how many of so many comparisons are found where there is no difference.

    Empty where less than one half is to be expected.
    """
    made = sum(c.interval.n >= 2 for c in comparisons)
    expected = analysis.alpha * made
    if expected < 0.5:
        return ""
    return (
        f"Each of the {made} comparisons is judged at {analysis.alpha:g} by itself: without any "
        f"true difference about {expected:.0f} of them would be found."
    )
