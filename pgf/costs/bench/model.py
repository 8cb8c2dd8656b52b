"""What the bench reports."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Bound(StrEnum):
    """Which side of its target a ratio should be on."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing measured: the usual way, the floor and ours, side by side."""

    what: str
    unit: str
    ours: float | None
    """None: not measured."""
    floor: float | None = None
    """What nothing could do better than, or dense training."""
    usual: float | None = None
    """The same by the public codes' way, written out in `usual`."""
    ratio: float | None = None
    """Median over rounds of the ratio that the target is for."""
    spread: float | None = None
    """Half the distance between the quartiles of that ratio over rounds."""
    target: float | None = None
    bound: Bound = Bound.AT_MOST

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is where it should be; None without a target or a measurement."""
        if self.ratio is None or self.target is None:
            return None
        if self.bound == Bound.AT_MOST:
            return self.ratio <= self.target
        return self.ratio >= self.target


@dataclass(frozen=True, kw_only=True)
class Part:
    """Lines that belong together."""

    title: str
    ratio_of: str
    """What is divided by what."""
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()


Progress = Callable[[str], None]
