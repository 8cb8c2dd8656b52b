"""The leaderboards of a page as rows to print, each with the cells it is made of."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pgf.analysis.dashboard.cells import CellRow, cell_row
from pgf.analysis.dashboard.scopes import Scope
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.ranking import Place
from pgf.analysis.tables.wording import with_limits

WIDTH, MARGIN = 120, 5
"""Pixels of a drawn interval, and of the room at both ends."""
HEADER = (
    *("recipe", "interval", "recovered share", "group", "cells", "better than SR-STE"),
    *("training FLOPs", "average density", "tuning trials"),
)


@dataclass(frozen=True)
class BoardRow:
    """A recipe on one leaderboard."""

    recipe: str
    label: str
    share: float
    share_text: str
    low: float
    at: float
    high: float
    zero: float
    """Places of the interval's ends, its middle and of a random mask, in pixels."""
    flops: float
    """Training FLOPs, per cent of dense."""
    texts: tuple[str, ...]
    """The columns behind the recovered share."""
    cells: tuple[CellRow, ...]


@dataclass(frozen=True)
class Board:
    """One leaderboard."""

    scope: Scope
    rows: tuple[BoardRow, ...]


def board_of(context: Context, scope: Scope) -> Board:
    """Return the rows of a scope."""
    ends = [x for p in scope.places for x in (p.share.low, p.share.high, p.share.estimate)]
    finite = [x for x in ends if math.isfinite(x)]
    low, high = min([0.0, *finite]), max([100.0, *finite])

    def pixel(share: float) -> float:
        return round(MARGIN + (WIDTH - 2 * MARGIN) * (share - low) / (high - low), 1)

    return Board(scope, tuple(_row(context, scope, place, pixel) for place in scope.places))


def _row(context: Context, scope: Scope, place: Place, pixel: Callable[[float], float]) -> BoardRow:
    share = place.share
    low, high = (x if math.isfinite(x) else share.estimate for x in (share.low, share.high))
    return BoardRow(
        recipe=place.recipe,
        label=context.label(place.recipe),
        share=round(share.estimate, 2),
        share_text=with_limits(share, 0),
        low=pixel(low),
        at=pixel(share.estimate),
        high=pixel(high),
        zero=pixel(0.0),
        flops=round(100 * place.flops, 1) if math.isfinite(place.flops) else 0.0,
        texts=_texts(place, is_ranked=not scope.remark),
        cells=tuple(cell_row(context, place.recipe, *cell) for cell in scope.cells),
    )


def _texts(place: Place, *, is_ranked: bool) -> tuple[str, ...]:
    better = f"{place.better} of {place.compared}" if place.compared and is_ranked else "-"
    return (
        str(place.group) if is_ranked else "-",
        str(place.share.n),
        better,
        *(_percent(share) for share in (place.flops, place.density)),
        str(place.trials or "-"),
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%" if math.isfinite(share) else "-"


def first_board(boards: Sequence[Board]) -> int:
    """Return the leaderboard to show first: the widest that has rows."""
    return next((i for i, board in enumerate(boards) if board.rows), 0)
