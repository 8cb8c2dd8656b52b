"""The pieces of work on a GPU, in the order of their worth, and their shares of the time."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pgf.errors import UserError

RIGHT, FAST, USEFUL = "right", "fast", "useful"
PARTS = {
    **{"masks": 0.05, "steps": 0.16, "small_runs": 0.08, "products": 0.06},
    **{"statistics": 0.03, "sweep": 0.14},
}
"""Part of the bench on a GPU -> share of the whole time, in the order of their worth."""
TESTS_SHARE = 0.24
FIRST = "tests/training"
"""Folder of the tests that matter most."""
MARK = "mark.gpu"
TESTS_XML = "tests.xml"
TESTERS = min(4, (os.cpu_count() or 1) // 4)
"""Processes of the tests, where pytest-xdist is installed: compiling is most of their time."""


@dataclass(frozen=True)
class Piece:
    """A process with a time of its own: one that fails or hangs costs the others nothing."""

    name: str
    stage: str
    command: tuple[str, ...]
    share: float
    """Of the whole time; what a piece leaves is shared among those after it."""


def pieces(folder: Path, experiments: Sequence[str]) -> list[Piece]:
    """Return the pieces in their order.

    Args:
        folder: where they write.
        experiments: what is trained in the time that is left, one after another.
    """
    python = (sys.executable, "-m")
    tests = (
        *("pytest", "-v", "-m", "gpu", "-W", "default", "-p", "no:cacheprovider"),
        *(("-n", str(TESTERS)) if TESTERS > 1 and find_spec("xdist") else ()),
        "--continue-on-collection-errors",
        f"--junitxml={folder / TESTS_XML}",
        *marked_files(Path("tests")),
    )
    measuring = (*python, "pgf", "gpu", "--folder", str(folder), "--measure")
    left = 1 - TESTS_SHARE - sum(PARTS.values())
    each = left / len(experiments)
    return [
        Piece("tests", RIGHT, (*python, *tests), TESTS_SHARE),
        *(Piece(name, FAST, (*measuring, name), share) for name, share in PARTS.items()),
        *(Piece(name, USEFUL, (*python, "pgf", "train", name), each) for name in experiments),
    ]


def marked_files(tests: Path) -> list[str]:
    """Return the test files that need a GPU: the others need not even be importable there.

    Raises:
        UserError: there are none: this is not the project's folder.
    """
    found = [
        str(path)
        for path in sorted(tests.rglob("test_*.py"))
        if MARK in path.read_text(encoding="utf-8")
    ]
    if not found:
        raise UserError("no tests for a GPU here: call pgf gpu in the project's own folder")
    return sorted(found, key=lambda path: (not path.startswith(FIRST), path))
