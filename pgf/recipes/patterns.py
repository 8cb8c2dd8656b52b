"""N:M patterns and which layer groups carry them.

Said once for the whole package: in N:M, N is the number of weights *kept* (not pruned) of every
M *consecutive along the input axis*. Groups never straddle output rows.
"""

import re
from dataclasses import dataclass
from functools import total_ordering
from itertools import groupby

from pgf.errors import UserError, nearest

ROLES = ("FF", "Q", "K", "V", "O", "CONV")
"""Layer roles: feed-forward, query, key, value, attention output, convolution."""

GROUPS: dict[str, tuple[str, ...]] = {
    **{role: (role,) for role in ROLES},
    "QK": ("Q", "K"),
    "QKV": ("Q", "K", "V"),
}
"""Names a target may use, and the roles each covers."""
BETWEEN_PARTS = re.compile(r"\+(?![^()]*\))")
"""A plus outside of brackets."""


@total_ordering
@dataclass(frozen=True)
class NMPattern:
    """Keep `n` of every `m` consecutive weights; text form `2:4`. Ordered by density.

    >>> from pgf import NMPattern
    >>> NMPattern.parse("2:4").density
    0.5
    >>> NMPattern(1, 8) < NMPattern(1, 4)
    True
    """

    n: int
    m: int

    def __post_init__(self) -> None:
        if not 1 <= self.n <= self.m:
            raise UserError(
                f"pattern {self.n}:{self.m}: N (weights kept) must be between 1 and M; "
                f"write 2:4 to keep 2 of every 4"
            )

    @classmethod
    def parse(cls, text: str) -> "NMPattern":
        """Read the text form `N:M`.

        Raises:
            UserError: the text is not two whole numbers with a colon, or N > M.
        """
        match = re.fullmatch(r"\s*(\d+)\s*:\s*(\d+)\s*", text)
        if match is None:
            raise UserError(f"pattern '{text}' is not of the form N:M, such as 2:4")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.n}:{self.m}"

    def __lt__(self, other: "NMPattern") -> bool:
        return (self.density, self.m) < (other.density, other.m)

    @property
    def density(self) -> float:
        """Share of weights kept, N/M."""
        return self.n / self.m

    def times(self, k: int) -> "NMPattern":
        """Return (k N):(k M), the same density in larger groups."""
        return NMPattern(k * self.n, k * self.m)

    def fits(self, width: int) -> bool:
        """Return whether rows of `width` weights divide into whole groups."""
        return width % self.m == 0


@dataclass(frozen=True)
class Target:
    """Layer groups, and the pattern that each ends with; text form `1:8(FF)+1:4(QK)`, or `dense`.

    `1:8(FF+QK)` is short for `1:8(FF)+1:8(QK)`.

    >>> from pgf import Target
    >>> str(Target.parse("1:8(FF) + 1:4(QK)").pattern_for("Q"))
    '1:4'
    """

    parts: tuple[tuple[str, NMPattern], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read the text form; spaces are free and a bare `1:8` means `1:8(FF)`.

        Raises:
            UserError: a part is malformed, names no known group, or repeats a role.
        """
        if text.strip() == "dense":
            return cls()
        parts = tuple(own for part in BETWEEN_PARTS.split(text) for own in _parse_part(part, text))
        target = cls(parts)
        roles = [role for group, _ in parts for role in GROUPS[group]]
        for role in roles:
            if roles.count(role) > 1:
                raise UserError(f"target '{text}' gives the group {role} more than one pattern")
        return target

    def __str__(self) -> str:
        return "+".join(f"{p}({g})" for g, p in self.parts) or "dense"

    @property
    def label(self) -> str:
        """Form for tables and figures: `1:8 (FF)+1:4 (QK)`, `1:8 (FF+QK)` for one pattern."""
        alike = groupby(self.parts, key=lambda part: part[1])
        shown = [f"{p} ({'+'.join(group for group, _ in own)})" for p, own in alike]
        return "+".join(shown) or "Dense"

    @property
    def slug(self) -> str:
        """Form for paths: `1of8_FF+1of4_QK`."""
        return "+".join(f"{p.n}of{p.m}_{g}" for g, p in self.parts) or "dense"

    @property
    def is_dense(self) -> bool:
        """True if no layer is pruned."""
        return not self.parts

    def pattern_for(self, role: str) -> NMPattern | None:
        """Return the pattern of a layer role, None where it stays dense."""
        return next((p for g, p in self.parts if role in GROUPS[g]), None)


def _parse_part(part: str, whole: str) -> list[tuple[str, NMPattern]]:
    match = re.fullmatch(r"\s*([\d:\s]+?)\s*(?:\(([\w\s+]+)\))?\s*", part)
    if match is None:
        raise UserError(f"target '{whole}' is not of the form 1:8(FF) or 1:8(FF)+1:4(QK)")
    pattern = NMPattern.parse(match[1])
    named = [name.strip() for name in (match[2] or "FF").split("+")]
    for name in named:
        if name.upper() not in GROUPS:
            raise UserError(
                f"target '{whole}' names the layer group '{name}': {nearest(name.upper(), GROUPS)}"
            )
    return [(name.upper(), pattern) for name in named]
