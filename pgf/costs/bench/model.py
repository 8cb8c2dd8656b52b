"""Measurements of the bench, and the parts that they are reported in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pgf.costs.bench.timing import milliseconds, ratio


class Bound(StrEnum):
    """Side of its target that a ratio should be on."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One thing measured: the usual way, the floor and ours, side by side."""

    what: str
    unit: str
    ours: float | None
    """None: not measured."""
    floor: float | None = None
    """Time that no method can beat, or that of dense training."""
    usual: float | None = None
    """The same by the public codes' way, written out in `usual`."""
    ratio: float | None = None
    """Median over rounds of the ratio that the target is for."""
    spread: float | None = None
    """Half the distance between the quartiles of that ratio over rounds."""
    target: float | None = None
    bound: Bound = Bound.AT_MOST

    @classmethod
    def timed(
        cls,
        what: str,
        *,
        ours: Sequence[float],
        floor: Sequence[float],
        usual: Sequence[float] | None = None,
        target: float | None = None,
    ) -> "Measurement":
        """Return a measurement in milliseconds, with its ratio to the floor.

        Args:
            what: the thing measured.
            ours: seconds by round, as `rotate` gives them; so are the next two.
            floor: the seconds of the floor.
            usual: the seconds of the usual way.
            target: the largest ratio to the floor that is good enough.
        """
        found = ratio(ours, floor)
        return cls(
            what=what,
            unit="ms",
            usual=None if usual is None else milliseconds(usual),
            floor=milliseconds(floor),
            ours=milliseconds(ours),
            ratio=found.median,
            spread=found.spread,
            target=target,
        )

    @property
    def reached(self) -> bool | None:
        """True if the ratio reaches its target; None without a target or a measurement."""
        if self.ratio is None or self.target is None:
            return None
        if self.bound == Bound.AT_MOST:
            return self.ratio <= self.target
        return self.ratio >= self.target


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Measurements in the layout of a table of the paper."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Measurements that belong together."""

    title: str
    ratio_of: str
    """Dividend and divisor of the ratio."""
    lines: tuple[Measurement, ...]
    notes: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()


Progress = Callable[[str], None]
