"""Gradient-noise statistics, as an observer of training.

Everything is taken on the gradient g that reaches the optimiser: at the master weights, after the
recipe's gradient rule and after clipping (`clip_coefficient` in the curves undoes that), of one
optimiser batch. `layer` is a sparse layer, or `overall` for all their entries together. Statistics
that need a mask take the strict target's, whatever pattern is in force, so that recipes and phases
compare; a dense run takes them against every target of its experiment.

The paper's Figure 3(b) calls "gradient variance" the spread over the entries of one clipped
mini-batch gradient of one layer, smoothed over time, and its size suggests that it plots the
standard deviation; its Figure 3(a) shows ||v|| of AdamW, for which no code was published. Here v is
bias-corrected (arXiv 1412.6980, algorithm 1): v / (1 - beta2^t) after t updates.
"""

import math
from collections.abc import Callable

from pgf.recipes import Registry

Sums = dict[str, float]
"""Sums over the entries of one or more layers; missing where something is not defined."""

Statistic = Callable[[Sums], float]

STATISTICS: Registry[Statistic] = Registry("statistic")
"""Statistics of gradients and optimiser state."""
MASK_STATISTICS: Registry[Statistic] = Registry("statistic of masks")
"""Statistics that need a mask."""


@STATISTICS.register("gradient_norm")
def gradient_norm(s: Sums) -> float:
    """||g||_2."""
    return math.sqrt(s["gg"])


@STATISTICS.register("gradient_variance")
def gradient_variance(s: Sums) -> float:
    """Variance over the entries of g, mean(g^2) - mean(g)^2: the paper's Figure 3(b)."""
    return s["gg"] / s["n"] - (s["g"] / s["n"]) ** 2


@STATISTICS.register("gradient_cosine")
def gradient_cosine(s: Sums) -> float:
    """Cosine of the angle between the gradients of two successive steps."""
    return s["gp"] / math.sqrt(s["gg"] * s["pp"])


@STATISTICS.register("second_moment_norm")
def second_moment_norm(s: Sums) -> float:
    """||v||_2 of AdamW's bias-corrected second moment before the step: the paper's Figure 3(a)."""
    return math.sqrt(s["vv"])


@STATISTICS.register("second_moment_variance")
def second_moment_variance(s: Sums) -> float:
    """Variance over the entries of AdamW's bias-corrected second moment before the step."""
    return s["vv"] / s["n"] - (s["v"] / s["n"]) ** 2


@STATISTICS.register("noise_variance")
def noise_variance(s: Sums) -> float:
    """Trace of the covariance of the optimiser batch's gradient.

    ||a - b||^2 / 2 estimates it without bias, where a and b are the gradients of two whole
    batches, drawn as those of training are. Halves of one batch would not do, since a task may
    make a batch of samples of like length. The paper has no such number.
    """
    return s["noise_difference"] / 2.0


@STATISTICS.register("noise_signal")
def noise_signal(s: Sums) -> float:
    """Squared norm of the expected gradient, a . b of two batches; may be negative.

    Of the loss alone: SR-STE's term is not in a and b.
    """
    return s["noise_product"]


@MASK_STATISTICS.register("gradient_norm_kept")
def gradient_norm_kept(s: Sums) -> float:
    """||mask (.) g||_2."""
    return math.sqrt(s["gg_kept"])


@MASK_STATISTICS.register("gradient_norm_pruned")
def gradient_norm_pruned(s: Sums) -> float:
    """||(1 - mask) (.) g||_2: the noise of the paper's argument."""
    return math.sqrt(s["gg_pruned"])


@MASK_STATISTICS.register("flip_rate")
def flip_rate(s: Sums) -> float:
    """Share of mask entries that changed since the step before; a swap counts twice."""
    return s["flips"] / s["n"]


@MASK_STATISTICS.register("cumulative_sad")
def cumulative_sad(s: Sums) -> float:
    """Sum over the samples so far of the share of mask entries changed since the sample before.

    The paper's notebooks take the sum of absolute mask differences 50 steps apart.
    """
    return s["sad"] / s["n"]


@MASK_STATISTICS.register("kept_mass")
def kept_mass(s: Sums) -> float:
    """Share of the weights' magnitude that is kept: sum |mask (.) W| / sum |W|."""
    return s["kept_mass"] / s["mass"]


def total(sums: dict[str, Sums]) -> Sums:
    """Add up the layers."""
    keys = set.intersection(*(set(s) for s in sums.values())) if sums else set()
    return {key: math.fsum(s[key] for s in sums.values()) for key in sorted(keys)}


def value_or_none(function: Statistic, sums: Sums) -> float | None:
    try:
        value = function(sums)
    except (KeyError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) else None
