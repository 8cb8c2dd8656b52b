"""GLUE's measures, in percent, over values of answers of which some may be no label at all.

They are written out here, in a line or two each, because the libraries' ones warn or return nan
where a model that has learnt nothing takes them: constant answers, and answers outside the labels.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Measure = Callable[[Values, Values], float]

NO_ANSWER = -1.0
"""Value of a text that is no label and no number, T5's own (`t5/data/postprocessors.py`)."""


def accuracy(predictions: Values, references: Values) -> float:
    """Return the share of equal values; `NO_ANSWER` equals no label."""
    return 100 * float(np.mean(predictions == references))


def f1(predictions: Values, references: Values) -> float:
    """Return F1 of label 1, 2 TP / (2 TP + FP + FN); 0 where label 1 is never rightly predicted.

    Of two labels FP + FN counts the wrong answers. `NO_ANSWER` is one of them, whatever the
    reference, as in T5's `f1_score_with_invalid`.
    """
    hits = int(np.sum((predictions == 1) & (references == 1)))
    wrong = int(np.sum(predictions != references))
    return 100 * 2 * hits / (2 * hits + wrong) if hits else 0.0


def matthews(predictions: Values, references: Values) -> float:
    """Return Matthews' correlation; 0 where all predictions, or all references, are one value.

    There it is 0/0, and a constant tells nothing of the references. It is the R_K of any number of
    classes (Gorodkin 2004), with `NO_ANSWER` as a class of its own, as in T5, which calls sklearn:
    to count such answers as the opposite label would give -100 where 0 is known.
    """
    classes = np.union1d(predictions, references)
    return _correlation(*(values[:, None] == classes for values in (predictions, references)))


def pearson(predictions: Values, references: Values) -> float:
    """Return Pearson's correlation; 0 where one side is constant, where it is undefined (0/0).

    T5 returns nan there, which would make every mean over tasks nan. `NO_ANSWER` lies below the
    scale of similarities, and so counts as an answer that is far too low.
    """
    return _correlation(predictions[:, None], references[:, None])


def spearman(predictions: Values, references: Values) -> float:
    """Return Spearman's correlation, Pearson's of the ranks, equal values at their mean rank."""
    from scipy.stats import rankdata  # takes most of a second, and other tasks have no use for it

    return pearson(rankdata(predictions), rankdata(references))


MEASURES: dict[str, Measure] = {
    function.__name__: function for function in (accuracy, f1, matthews, pearson, spearman)
}


def measure(name: str, predictions: Sequence[float], references: Sequence[float]) -> float:
    """Return a measure in percent.

    Raises:
        ValueError: there is nothing to compare, or the lengths differ.
    """
    if not references or len(predictions) != len(references):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    return MEASURES[name](np.array(predictions, np.float64), np.array(references, np.float64))


def _correlation(one: NDArray[np.generic], other: NDArray[np.generic]) -> float:
    """Return 100 cov(a, b) / sqrt(cov(a, a) cov(b, b)) of (sample, column), columns summed."""
    a, b = (np.asarray(values, np.float64) for values in (one, other))
    if np.all(a == a[0]) or np.all(b == b[0]):
        return 0.0
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    scale = float(np.linalg.norm(a) * np.linalg.norm(b))
    # Numbers that differ by less than a square can hold (1e-200 and 0) are as good as constant.
    return 100 * min(1.0, max(-1.0, float(np.sum(a * b)) / scale)) if scale else 0.0
