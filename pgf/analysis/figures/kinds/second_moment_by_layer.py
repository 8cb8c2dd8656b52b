"""The paper's Figure 3 layer by layer: AdamW's second moment and the gradient variance."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.panels import dress
from pgf.analysis.figures.series import (
    BAND,
    draw_band,
    named,
    not_drawn,
    remark,
    running_mean,
    shown_target,
    with_statistics,
)
from pgf.analysis.figures.style import (
    FULL,
    LEGEND,
    add_legend,
    looks,
    new_figure,
    say_missing,
)
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 4
"""Layers that fit beside each other."""
STATISTICS = (
    ("second_moment_norm", "||v||, running average", False),
    ("gradient_variance", "variance over entries", True),
)
"""Name of the curve of each row, what its axis shows, and whether it is logarithmic."""
CHARACTERS = 24
"""Characters of a layer's name in a line above its panel."""


def caption(context: Context) -> str:
    """Return the caption."""
    del context
    return (
        f"The two statistics of the paper's Figure 3 for single layers, at most {MOST} of a task, "
        f"spread from the first to the last, at the target nearest 1:16. {BAND} Whether recipes "
        "differ in the same way in every layer is what the sum over layers cannot show."
    )


@figure(
    "second_moment_by_layer",
    title="AdamW's second moment and the gradient variance, layer by layer",
    caption=caption,
    paper="3",
)
def second_moment_by_layer(context: Context) -> "Figure":
    """Return the figure: a row of panels for each statistic, a column for each layer."""
    (task,) = context.tasks
    layers, recipes = chosen_layers(context, task), with_statistics(context, task)
    figure, axes = new_figure(
        2, max(1, len(layers)), height=1.6, legend_rows=3 + len(recipes) // LEGEND, width=FULL
    )
    for i, name in enumerate(layers):
        _draw_layer(context, task, name, [line[i] for line in axes])
    for line, (_, shown, _) in zip(axes, STATISTICS, strict=True):
        line[0].set_ylabel(f"{shown} {line[0].get_ylabel()}".strip())
    if not layers:
        for line in axes:
            say_missing(line[0], "No curves of single layers were collected.")
    target = shown_target(context, task)
    add_legend(
        figure, axes[0], remark(context, [named(target), BAND, not_drawn(context, with_statistics)])
    )
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


def _wrapped(layer: str) -> str:
    """Return the name of a layer in short lines that break before a dot."""
    lines = [""]
    for part in re.split(r"(?=\.)", layer):
        full = len(lines[-1] + part) > CHARACTERS and lines[-1]
        lines = [*lines, part] if full else [*lines[:-1], lines[-1] + part]
    return "\n".join(lines)


def _draw_layer(context: Context, task: str, layer: str, places: "Sequence[Axes]") -> None:
    styles, target = looks([name for name, _ in context.recipes]), shown_target(context, task) or ""
    for (name, _, log), place in zip(STATISTICS, places, strict=True):
        for recipe in with_statistics(context, task):
            values = by_seed(context, task, recipe, target, name, layer=layer)
            values = running_mean(values) if name == STATISTICS[0][0] else values
            draw_band(place, values, look=styles[recipe], label=context.label(recipe))
        dress(place, "", log=log)
    places[0].set_title(_wrapped(layer), loc="left")
    places[-1].set_xlabel("step")
