"""The figure of recovered share by length of training."""

from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.series import remark
from pgf.analysis.figures.style import (
    FULL,
    LEGEND,
    WIDTH,
    Look,
    add_legend,
    looks,
    new_figure,
    say_missing,
)
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.lengths import Point, points_of
from pgf.analysis.tables.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 3
"""Panels beside each other."""
LOWEST = -60.0
"""Recovered share in percent at which a panel ends below; the table has what lies under it."""


def caption(context: Context) -> str:
    """Return the caption."""
    return (
        "Recovered share, (random mask - recipe) / (random mask - dense) in percent, against the "
        "length of training: 0 is a mask drawn at random, 100 is dense. Every point is a training "
        f"of its own, with its {percent(context.analysis)} bootstrap interval over seeds; a hollow "
        f"point does not grade. What lies below {LOWEST:g} is not drawn."
    )


@figure("share_by_length", title="Recovered share, by length of training", caption=caption)
def share_by_length(context: Context) -> "Figure":
    """Return the figure: a panel for each target of a family of lengths."""
    points = [point for point in points_of(context) if point.share.n]
    targets = [target for target in context.targets if any(p.target == target for p in points)]
    columns = max(1, min(MOST, len(targets)))
    wide = columns > 1
    figure, axes = new_figure(
        max(1, -(-len(targets) // columns)),
        columns,
        height=2.0,
        legend_rows=4 + len({point.recipe for point in points}) // (LEGEND if wide else 2),
        share_x=False,
        width=FULL if wide else WIDTH,
    )
    places = [place for line in axes for place in line]
    for place, target in zip(places, targets, strict=False):
        _draw(place, context, [point for point in points if point.target == target])
        place.set_title(target_label(target), loc="left")
    for place in places[max(1, len(targets)) :]:
        place.remove()
    if not targets:
        say_missing(places[0], "No random mask is trained here, from which shares are counted.")
    texts = ["Hollow: does not grade.", _below(context, points)]
    text = remark(context, texts, characters=125 if wide else 62)
    add_legend(figure, places[: len(targets)], text, columns=LEGEND if wide else 2)
    return figure


def _below(context: Context, points: list[Point]) -> str:
    """Return which recipes lie below every panel; empty if none does."""
    highest: dict[str, float] = {}
    for point in points:
        before = highest.get(point.recipe, point.share.estimate)
        highest[point.recipe] = max(before, point.share.estimate)
    hidden = [context.label(recipe) for recipe, share in highest.items() if share < LOWEST]
    return f"Below {LOWEST:g} throughout: {', '.join(hidden)}." if hidden else ""


def _draw(axes: "Axes", context: Context, points: list[Point]) -> None:
    from matplotlib.ticker import NullLocator

    styles = looks([name for name, _ in context.recipes])
    for recipe in dict.fromkeys(point.recipe for point in points):
        own = [point for point in points if point.recipe == recipe]
        _draw_recipe(axes, own, look=styles[recipe], label=context.label(recipe))
    steps = sorted({point.steps for point in points})
    axes.set_xscale("log")
    axes.set_xticks(steps, [f"{n:,}" for n in steps])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.axhline(0, color="#777777", linewidth=0.6)
    shares = [point.share.estimate for point in points]
    axes.set_ylim(bottom=max(LOWEST, min(shares) - 15), top=max(110.0, max(shares) + 15))
    axes.set(xlabel="steps", ylabel="recovered share (%)")


def _draw_recipe(axes: "Axes", points: list[Point], *, look: Look, label: str) -> None:
    steps, shares = [p.steps for p in points], [p.share.estimate for p in points]
    axes.plot(steps, shares, color=look.color, linestyle=look.line, marker=look.marker, label=label)
    limits = [
        [max(0.0, p.share.estimate - p.share.low) for p in points],
        [max(0.0, p.share.high - p.share.estimate) for p in points],
    ]
    axes.errorbar(steps, shares, yerr=limits, fmt="none", ecolor=look.color, elinewidth=0.7)
    hollow = [point for point in points if not point.grades]
    axes.plot(
        [point.steps for point in hollow],
        [point.share.estimate for point in hollow],
        color=look.color,
        linestyle="none",
        marker=look.marker,
        markerfacecolor="white",
        zorder=4,
    )
