"""The pieces of work on a GPU, in the order of their worth, and their shares of the time."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RIGHT, FAST, USEFUL = "right", "fast", "useful"
SHARES = {RIGHT: 0.2, FAST: 0.4, USEFUL: 0.4}
PARTS = ("masks", "steps", "small_runs", "products", "statistics", "sweep")
"""Of the bench on a GPU, in the order of their worth."""
MARK = "mark.gpu"


@dataclass(frozen=True)
class Piece:
    """A process with a time of its own, so that nothing else is lost with it."""

    name: str
    stage: str
    command: tuple[str, ...]
    share: float
    """Of the whole time; what a piece leaves goes to the last ones."""


def pieces(folder: Path, experiments: Sequence[str]) -> list[Piece]:
    """Return the pieces in their order.

    Args:
        folder: where they write.
        experiments: what is trained in the time that is left, one after another.
    """
    python = (sys.executable, "-m")
    tests = (
        *("pytest", "-q", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider"),
        "--continue-on-collection-errors",
        f"--junitxml={folder / 'tests.xml'}",
        *marked_files(Path("tests")),
    )
    measuring = ("pgf", "gpu", "--folder", str(folder), "--measure", *PARTS)
    each = SHARES[USEFUL] / len(experiments)
    return [
        Piece("tests", RIGHT, (*python, *tests), SHARES[RIGHT]),
        Piece("bench", FAST, (*python, *measuring), SHARES[FAST]),
        *(Piece(name, USEFUL, (*python, "pgf", "train", name), each) for name in experiments),
    ]


def marked_files(tests: Path) -> list[str]:
    """Return the test files that need a GPU: the others need not even be importable there."""
    return [
        str(path)
        for path in sorted(tests.rglob("test_*.py"))
        if MARK in path.read_text(encoding="utf-8")
    ]
