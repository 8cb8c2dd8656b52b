"""The figure of masks over training: how often they change, and how much weight they keep."""

from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.panels import Panel, draw_panels, statistic
from pgf.analysis.tables.context import Context

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANELS = (
    Panel("flip rate of the mask", statistic("flip_rate")),
    Panel("mask change so far (SAD)", statistic("cumulative_sad")),
    Panel("magnitude kept", statistic("kept_mass")),
)


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        "Statistics of the mask of the strict target, taken in every phase so that recipes "
        "compare; a dense run is seen through the mask that the target would have. Definitions: "
        "pgf/training/gradients/definitions.py."
    )


@figure("masks", title="Changes of the mask over training", caption=caption)
def masks(context: Context) -> "Figure":
    """Return the figure; dense runs are seen through the mask that the target would have."""
    return draw_panels(context, PANELS, columns=3, height=1.7)
