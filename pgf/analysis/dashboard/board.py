"""The leaderboards of a page as rows to print, each with the cells it is made of."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pgf.analysis.dashboard.cells import CellRow, cell_row
from pgf.analysis.dashboard.scopes import Scope, scopes_of
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.ranking import HIGHEST, LOWEST, Cell, Place
from pgf.analysis.tables.wording import percent_text, with_limits

WIDTH, MARGIN = 120, 5
"""Pixels of a drawn interval, and of the room at both ends."""
HEADER = (
    *("recipe", "interval", "recovered share", "group", "cells", "better than SR-STE"),
    *("training FLOPs", "average density", "tuning trials"),
)
ORIGIN = "origin"
"""Heading of the column that names a row's origin, where there are several."""


@dataclass(frozen=True)
class BoardRow:
    """A recipe on one leaderboard."""

    recipe: str
    label: str
    origin: str
    share: float
    share_text: str
    low: float
    at: float
    high: float
    zero: float
    """Places of the interval's ends, its middle and of a random mask, in pixels."""
    arrow: int
    """-1 or 1 where the middle lies beyond the left or right end of what is drawn; else 0."""
    flops: float
    """Training FLOPs, per cent of dense."""
    texts: tuple[str, ...]
    """The columns behind the recovered share."""
    cells: tuple[CellRow, ...]


@dataclass(frozen=True)
class Board:
    """One leaderboard."""

    keys: tuple[str, ...]
    """Choices that lead here, each as `family|length|target`."""
    remark: str
    rows: tuple[BoardRow, ...]


def boards_of(contexts: Mapping[str, Context]) -> list[Board]:
    """Return the leaderboard of every choice, the widest first; the rows of all origins together.

    Each row is a mean over cells of its own origin alone, and ranks are within an origin.

    Args:
        contexts: origin -> its runs; ours come first.
    """
    by_key: dict[str, dict[str, Scope]] = {}
    for origin, context in contexts.items():
        for scope in scopes_of(context):
            for key in scope.keys:
                by_key.setdefault(key, {})[origin] = scope
    keys: dict[tuple[tuple[str, tuple[Cell, ...]], ...], list[str]] = {}
    for key, scopes in by_key.items():
        identity = tuple((origin, scope.cells) for origin, scope in scopes.items())
        keys.setdefault(identity, []).append(key)
    return [_board(contexts, by_key[own[0]], tuple(own)) for own in keys.values()]


def _board(
    contexts: Mapping[str, Context], scopes: Mapping[str, Scope], keys: tuple[str, ...]
) -> Board:
    shares = [place.share for scope in scopes.values() for place in scope.places]
    ends = [end for share in shares for end in (share.low, share.high, share.estimate)]
    finite = [end for end in ends if math.isfinite(end)]
    low = max(LOWEST, min([0.0, *finite]))
    high = min(HIGHEST, max([100.0, *finite]))

    def pixel(share: float) -> float:
        inside = min(max(share, low), high)
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (inside - low) / (high - low), 1)

    rows = [
        _row(contexts[origin], origin, scope, place, pixel)
        for origin, scope in scopes.items()
        for place in scope.places
    ]
    several = len(contexts) > 1
    remarks = [
        f"{origin}: {scope.remark}" if several else scope.remark
        for origin, scope in scopes.items()
        if scope.remark
    ]
    rows.sort(key=lambda row: -row.share)
    return Board(keys, " ".join(remarks), tuple(rows))


def _row(
    context: Context, origin: str, scope: Scope, place: Place, pixel: Callable[[float], float]
) -> BoardRow:
    share = place.share
    low, high = (x if math.isfinite(x) else share.estimate for x in (share.low, share.high))
    return BoardRow(
        recipe=place.recipe,
        label=context.label(place.recipe),
        origin=origin,
        share=round(share.estimate, 2),
        share_text=with_limits(share, 0),
        low=pixel(low),
        at=pixel(share.estimate),
        high=pixel(high),
        zero=pixel(0.0),
        arrow=(share.estimate > HIGHEST) - (share.estimate < LOWEST),
        flops=round(100 * place.flops, 1),
        texts=_texts(place, is_ranked=not scope.remark),
        cells=tuple(cell_row(context, place.recipe, *cell) for cell in scope.cells),
    )


def _texts(place: Place, *, is_ranked: bool) -> tuple[str, ...]:
    better = f"{place.better} of {place.compared}" if place.compared and is_ranked else "-"
    return (
        str(place.group) if is_ranked else "-",
        str(place.share.n),
        better,
        *(percent_text(share) for share in (place.flops, place.density)),
        str(place.trials or "-"),
    )


def first_board(boards: Sequence[Board]) -> int:
    """Return the leaderboard to show first: the widest that has rows."""
    return next((i for i, board in enumerate(boards) if board.rows), 0)
