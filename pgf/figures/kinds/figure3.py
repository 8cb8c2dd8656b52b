"""AdamW's second moment and the gradient variance over training: the paper's Fig. 3."""

from typing import TYPE_CHECKING

import pandas as pd

from pgf.figures.panels import Panel, draw_panels, statistic
from pgf.figures.registry import figure
from pgf.figures.series import by_seed, running_mean
from pgf.tables.context import Context

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def running_second_moment(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
    """Return the running average of the norm of v, as the paper's Fig. 3(a) has it."""
    return running_mean(by_seed(context, task, recipe, target, "second_moment_norm"))


PANELS = (
    Panel("running average of AdamW's ||v||", running_second_moment),
    Panel("gradient variance over entries", statistic("gradient_variance"), log=True),
)


@figure("figure3")
def figure3(context: Context) -> "Figure":
    """Return the figure, over all of training; the paper's (b) shows its first sixth."""
    return draw_panels(context, PANELS, columns=1, height=1.75)
