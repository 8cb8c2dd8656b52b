"""AdamW's second moment and the gradient variance over training, laid out as the paper's Fig. 3."""

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from pgf.analysis.figures import figure
from pgf.analysis.figures.panels import Panel, draw_panels, dress, statistic
from pgf.analysis.figures.series import BAND, running_mean, shown_target
from pgf.analysis.figures.style import LOOKS
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.curves import by_seed
from pgf.analysis.tables.recorded import of_task

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def running_second_moment(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
    """Return the running average of the norm of v, as the paper's Fig. 3(a) has it."""
    return running_mean(by_seed(context, task, recipe, target, "second_moment_norm"))


PANELS = (
    Panel("running average of AdamW's ||v||", running_second_moment),
    Panel("gradient variance over entries", statistic("gradient_variance"), log=True),
)

PUBLISHED = (
    ("3a", "(c) the paper's (a), digitized: ||v|| of AdamW", (0.1, 0.78)),
    ("3b", "(d) the paper's (b), digitized: gradient variance", (0.45, 0.78)),
)
"""Panel of the paper's figure, its title here, and where its curves leave room for a legend."""

NAMES = {
    "SR-STE": ("sr_ste", "paper: SR-STE"),
    "MDGF-Exponential": ("mdgf_exponential", "paper: MdGf-Exponential"),
}
"""Recipes of the paper's figure, by the name it gives them: whose look they have, and a label."""


def published_share(context: Context) -> float:
    """Return the share of (a)'s axis at which the paper's (b) ends; 0 where it is not shown.

    The paper's curves stand beside runs of its own set-up alone.
    """
    if not set(context.analysis.same_setup) & set(context.tasks):
        return 0.0
    ends = context.published_curves.groupby("panel")["steps_1e3"].max()
    return float(ends.get("3b", 0.0) / ends.get("3a", 1.0))


def caption(context: Context) -> str:
    """Return the caption: the data and target shown, and how they compare with the paper's."""
    where = "; ".join(
        f"{task} at {target_label(target)}"
        for task in context.tasks
        if (target := shown_target(context, task))
    )
    text = (
        f"(a), (b): this project's runs ({where or 'no sparse run'}) over the whole of training, "
        f"the dense run included. {BAND} (a) has a linear axis and (b) a logarithmic one, as in "
        "the paper; both statistics are defined in pgf/training/gradients/definitions.py."
    )
    if share := published_share(context):
        text += (
            " (c), (d): the paper's own curves, read off its vector graphics: ViT-tiny, CIFAR-10, "
            f"1:16, one run each, steps as its axis counts them. Its (b) ends {100 * share:.0f}% "
            "of the way along the axis of its (a); the dotted line in ours stands at that share."
        )
    return text


@figure(
    "second_moment",
    title="AdamW's second moment and the gradient variance over training",
    caption=caption,
    paper="3",
)
def second_moment(context: Context) -> "Figure":
    """Return the figure: a row of our panels and, where they are there, the paper's own below."""
    (task,), share = context.tasks, published_share(context)
    below = [partial(_draw_published, context, *panel) for panel in PUBLISHED] if share else []
    text = f"{BAND} Dotted: where the paper's (b) ends." if share else BAND
    made = draw_panels(context, PANELS, columns=2, height=1.9, text=text, below=below)
    if share:
        end = share * of_task(context, task, "n_steps")
        made.axes[1].axvline(end, color="#555555", linestyle=":", linewidth=0.8)
    return made


def _draw_published(
    context: Context, panel: str, title: str, room: tuple[float, float], axes: "Axes"
) -> None:
    curves = context.published_curves
    for name, line in curves[curves["panel"] == panel].groupby("recipe", sort=False):
        recipe, label = NAMES[str(name)]
        look = LOOKS[recipe]
        axes.plot(
            line["steps_1e3"].to_numpy(),
            line["value"].to_numpy(),
            color=look.color,
            linestyle=look.line,
            linewidth=0.8,
            label=label,
        )
    dress(axes, title, log=panel == "3b")
    axes.set_xlabel("thousands of steps, by the paper's axis")
    axes.legend(loc=room)
