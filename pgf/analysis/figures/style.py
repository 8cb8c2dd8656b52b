"""The look of figures: one color, line and marker per recipe, sizes that half a page can show."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.4
"""Inches; half a page."""
FULL = 2 * WIDTH
"""A whole page, for panels that must stand beside each other."""
DPI = 200
LEGEND = 4
"""Columns of the legend below a figure that is a page wide."""

SETTINGS: dict[str, Any] = {
    "font.size": 7,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.4,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "svg.fonttype": "path",
}


@dataclass(frozen=True)
class Look:
    """Color, line and marker of a recipe; line and marker tell recipes apart in gray."""

    color: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str
    front: bool = False
    """Draw its curve thin and before the others: some recipes start as it."""


DASHES, DOTS, DASH_DOT = (0, (4.0, 1.5)), (0, (1.0, 1.2)), (0, (5.0, 1.2, 1.0, 1.2))

# Colors: Paul Tol's "muted" scheme, which readers without red-green vision can tell apart.
LOOKS = {
    "dense": Look("#000000", "-", "s", front=True),
    "sr_ste": Look("#cc6677", "-", "o"),
    "sr_ste_dense_start": Look("#882255", DASHES, "o"),
    "mdgf_linear": Look("#332288", "-", "^"),
    "mdgf_linear_chain_rule": Look("#88ccee", DASHES, "^"),
    "mdgf_exponential": Look("#44aa99", "-", "v"),
    "sdgf_stepwise": Look("#117733", DASH_DOT, "D"),
    "sdgf_geometric": Look("#999933", DASH_DOT, "P"),
    "ste": Look("#ddcc77", DOTS, "X"),
    "random_mask": Look("#777777", DOTS, "*"),
    "one_shot": Look("#aa4499", DOTS, "<"),
}
FURTHER = tuple(
    Look(color, line, marker)
    for line, marker in (
        *(("-", ">"), (DASHES, "h"), (DOTS, "d"), (DASH_DOT, "p"), ("-", "x"), (DASHES, "+")),
    )
    for color in ("#ee7733", "#0077bb", "#cc3311", "#009988", "#ee3377")
)
"""Looks of recipes that this module does not know, in the order of their columns."""


def looks(recipes: Sequence[str]) -> dict[str, Look]:
    """Return the look of every recipe; a known one has the same in every experiment."""
    unknown = [name for name in recipes if name not in LOOKS]
    further = {name: FURTHER[i % len(FURTHER)] for i, name in enumerate(unknown)}
    return {name: LOOKS.get(name) or further[name] for name in recipes}


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Draw with this module's settings, and with SVG ids that depend on `salt` alone."""
    import matplotlib

    settings: Any = {**SETTINGS, "svg.hashsalt": salt}
    with matplotlib.rc_context(settings):
        yield


def new_figure(
    rows: int,
    columns: int,
    *,
    height: float,
    legend_rows: int,
    share_x: bool = True,
    width: float = WIDTH,
    ratios: Sequence[float] = (),
) -> "tuple[Figure, Sequence[Sequence[Axes]]]":
    """Return a figure (no window, no global state) and its panels, rows first.

    Args:
        rows: panels below each other.
        columns: panels beside each other.
        height: inches of one row.
        legend_rows: lines of the legend below.
        share_x: whether panels below each other share their x axis.
        width: inches of the figure.
        ratios: heights of the rows, in `height`; empty for 1 each.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = tuple(ratios) or (1.0,) * rows
    size = (width, sum(shares) * height + 0.14 * legend_rows + 0.45)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        rows,
        columns,
        squeeze=False,
        sharex="col" if share_x else False,
        gridspec_kw={"height_ratios": shares},
    )
    return figure, axes.tolist()


def add_legend(
    figure: "Figure", panels: "Iterable[Axes]", title: str, *, columns: int = LEGEND
) -> None:
    """Put one legend below all panels, of what any of `panels` shows, each label once."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=columns, title=title
    )


def say_missing(axes: "Axes", text: str) -> None:
    """Say in an empty panel what it would need."""
    words = textwrap.fill(text, 48)
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center")
    axes.set(xticks=[], yticks=[])


def slant(axes: "Axes") -> None:
    """Turn the labels of the x axis so that they do not run into each other."""
    for text in axes.get_xticklabels():
        text.set(rotation=40, ha="right", rotation_mode="anchor")
