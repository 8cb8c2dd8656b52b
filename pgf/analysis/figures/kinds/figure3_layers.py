"""Figure 3 layer by layer: AdamW's second moment and the gradient variance of single layers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.panels import dress
from pgf.analysis.figures.series import (
    BAND,
    all_shown,
    draw_band,
    not_drawn,
    remark,
    running_mean,
    shown_recipes,
    shown_target,
)
from pgf.analysis.figures.style import FULL, add_legend, looks, new_figure, say_missing
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.curves import by_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 4
"""Layers of a task that fit below each other."""
STATISTICS = (
    ("second_moment_norm", "running average of AdamW's ||v||", False),
    ("gradient_variance", "gradient variance over entries", True),
)
"""Name of a curve, its title, and whether its axis is logarithmic."""


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        f"The two statistics of the paper's Figure 3 for single layers, at most {MOST} of a task, "
        f"spread from the first to the last, at the target nearest 1:16. {BAND} Whether recipes "
        "differ in the same way in every layer is what the sum over layers cannot show."
    )


@figure("figure3_layers", caption=caption)
def figure3_layers(context: Context) -> "Figure":
    """Return the figure: for each task a row of panels per layer, a column per statistic."""
    layers = {task: chosen_layers(context, task) for task in context.tasks}
    rows = sum(max(1, len(names)) for names in layers.values())
    recipes = all_shown(context)
    figure, axes = new_figure(
        rows, 2, height=1.5, legend_rows=3 + len(recipes) // 4, share_x=False, width=FULL
    )
    start = 0
    for task, names in layers.items():
        for name, line in zip(names, axes[start : start + len(names)], strict=True):
            _draw_layer(context, task, name, line)
        if not names:
            for place in axes[start]:
                say_missing(place, f"{task}: no curves of single layers were collected")
        start += max(1, len(names))
    where = [
        f"{task} at {target_label(target)}."
        for task in context.tasks
        if (target := shown_target(context, task))
    ]
    text = remark(context, [*where, BAND, not_drawn(context)], characters=125)
    add_legend(figure, (line[0] for line in axes), text, columns=4)
    return figure


def chosen_layers(context: Context, task: str) -> list[str]:
    """Return at most `MOST` of a task's layers, the first and the last among them."""
    if context.layers.empty:
        return []
    target = shown_target(context, task)
    at_target = (context.layers["target"] == target) | (context.layers["reference"] == target)
    own = context.layers[(context.layers["task"] == task) & at_target]
    names = sorted(own["layer"].unique(), key=_in_order)
    if len(names) <= MOST:
        return names
    return [names[round(i * (len(names) - 1) / (MOST - 1))] for i in range(MOST)]


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return a key by which `blocks.10` comes after `blocks.9`."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in name.split(".")]


def _draw_layer(context: Context, task: str, layer: str, line: "Sequence[Axes]") -> None:
    styles, target = looks([name for name, _ in context.recipes]), shown_target(context, task) or ""
    for (name, title, log), place in zip(STATISTICS, line, strict=True):
        for recipe in shown_recipes(context, task):
            values = by_seed(context, task, recipe, target, name, layer=layer)
            values = running_mean(values) if name == STATISTICS[0][0] else values
            draw_band(place, values, look=styles[recipe], label=context.label(recipe))
        head = f"{task}, " if len(context.tasks) > 1 else ""
        dress(place, f"{head}{layer}: {title}", log=log)
        place.set_xlabel("step")
