"""The figure of the leaderboard: recovered share of every recipe, with its interval and group."""

from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.style import FULL, Look, looks, new_figure, say_missing
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.ranking import HIGHEST, LOWEST, Place, places_of, why_empty
from pgf.analysis.tables.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.17
"""Inches of a recipe."""


def caption(context: Context) -> str:
    """Return the caption."""
    return (
        "Recovered share, mean over the tasks and targets that grade, with its "
        f"{percent(context.analysis)} bootstrap interval over seeds: 0 is a mask drawn at random, "
        "100 is dense. Between two lines: recipes that are not told apart from the first of them. "
        f"An arrow stands for a share below {LOWEST:g} or above {HIGHEST:g}, with its number."
    )


@figure("leaderboard", title="Recovered share, by recipe", caption=caption)
def leaderboard(context: Context) -> "Figure":
    """Return the figure, the best recipe on top."""
    places = places_of(context)
    height = 0.5 + ROW * max(4, len(places))
    figure, axes = new_figure(1, 1, height=height, legend_rows=0, width=FULL)
    if places:
        _draw(axes[0][0], context, places)
    else:
        say_missing(axes[0][0], why_empty(context))
    return figure


def _draw(axes: "Axes", context: Context, places: list[Place]) -> None:
    styles = looks([name for name, _ in context.recipes])
    for i, place in enumerate(places):
        _draw_share(axes, i, place, styles[place.recipe])
        if i and places[i - 1].group != place.group:
            axes.axhline(i - 0.5, color="#999999", linewidth=0.5)
    axes.axvline(0, color="#777777", linewidth=0.6)
    axes.set_yticks(range(len(places)), [context.label(place.recipe) for place in places])
    axes.set_ylim(len(places) - 0.5, -0.5)
    axes.set_xlabel("recovered share (%)")
    axes.grid(visible=False, axis="y")
    left, right = axes.get_xlim()
    axes.set_xlim(max(left, LOWEST - 5), min(right, HIGHEST + 5))


def _draw_share(axes: "Axes", row: int, place: Place, look: Look) -> None:
    share = place.share
    if LOWEST <= share.estimate <= HIGHEST:
        # A bootstrap interval at a low level may leave its estimate out.
        ends = [[max(0.0, share.estimate - share.low)], [max(0.0, share.high - share.estimate)]]
        axes.errorbar(
            share.estimate, row, xerr=ends, color=look.color, marker=look.marker, elinewidth=0.9
        )
        return
    is_low = share.estimate < LOWEST
    end, marker = (LOWEST, r"$\leftarrow$") if is_low else (HIGHEST, r"$\rightarrow$")
    axes.plot([end], [row], color=look.color, marker=marker, markersize=8, linestyle="none")
    axes.annotate(
        f"{share.estimate:.0f}",
        (end, row),
        xytext=(8 if is_low else -8, 0),
        textcoords="offset points",
        ha="left" if is_low else "right",
        va="center",
    )
