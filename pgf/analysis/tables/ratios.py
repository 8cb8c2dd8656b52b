"""Ratios of means over seeds, with what their intervals are made of."""

import numpy as np
import pandas as pd


def log_ratio_by_seed(above: list[pd.Series], below: list[pd.Series]) -> np.ndarray:
    """Return jackknife pseudo-values (n,) of log(above / below), each a ratio of means over seeds.

    Their mean and t interval are those of the ratio (Efron and Tibshirani 1993, chapter 11). Every
    seed counts, also one whose signal is estimated as negative; where a mean over seeds is not
    positive there is no logarithm, and no value.

    Args:
        above: a statistic by seed, or its numerator and denominator.
        below: what it is compared with, in the same form.
    """
    series = [*above, *below]
    seeds = series[0].index
    for one in series[1:]:
        seeds = seeds.intersection(one.index)
    table = np.array([one.loc[seeds.sort_values()].to_numpy() for one in series], dtype=np.float64)
    n = table.shape[1]
    if n < 2:
        return np.empty(0)
    signs = np.array([1.0, -1.0][: len(above)] + [-1.0, 1.0][: len(below)])
    means = np.column_stack(
        [table.mean(axis=1), *(np.delete(table, i, 1).mean(1) for i in range(n))]
    )
    if (means <= 0).any():
        return np.empty(0)
    whole, *without = signs @ np.log(means)
    return n * whole - (n - 1) * np.array(without)
