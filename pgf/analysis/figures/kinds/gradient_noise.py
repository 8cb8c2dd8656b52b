"""The figure of gradients over training: their noise, direction and norms."""

from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures import figure
from pgf.analysis.figures.panels import Panel, draw_panels, statistic
from pgf.analysis.figures.series import BAND
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def noise_to_signal(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
    """Return the ratio of the means over seeds, where the mean signal is positive: one column.

    The signal's estimate for one run at one step may be negative; a ratio per run has no mean.
    """
    variance, signal = (
        by_seed(context, task, recipe, target, name).mean(axis="columns")
        for name in ("noise_variance", "noise_signal")
    )
    return (variance / signal.where(signal > 0)).dropna().to_frame("ratio")


PANELS = (
    Panel("noise to signal", noise_to_signal, log=True),
    Panel("cosine to the last", statistic("gradient_cosine")),
    Panel("norm, kept", statistic("gradient_norm_kept"), log=True),
    Panel("norm, pruned", statistic("gradient_norm_pruned"), log=True),
)


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        "Statistics of the gradient that the optimizer gets, after clipping. The noise is the "
        "trace of the covariance of the mini-batch gradient, from two batches at one step, "
        "and not the spread over the entries of one gradient that the paper's Figure 3(b) shows. "
        "Definitions: pgf/training/gradients/definitions.py."
    )


@figure(
    "gradient_noise",
    title="Noise, direction and norms of the gradient over training",
    caption=caption,
)
def gradient_noise(context: Context) -> "Figure":
    """Return the figure."""
    text = f"{BAND} (a): ratio of means over seeds."
    return draw_panels(context, PANELS, columns=4, height=1.7, text=text)
