"""The open list of the bench's parts."""

import importlib
from collections.abc import Callable
from pathlib import Path

from pgf.costs.bench import kinds
from pgf.costs.bench.model import Part, Progress
from pgf.errors import UserError, nearest

Measure = Callable[[Progress], Part]

PARTS: dict[str, Measure] = {}


def part(name: str) -> Callable[[Measure], Measure]:
    """Decorator that adds a part to the registry under `name`, the name of its module."""

    def add(measure: Measure) -> Measure:
        PARTS[name] = measure
        return measure

    return add


def part_names() -> tuple[str, ...]:
    """Return the names of all parts, in the order in which they are measured."""
    assert kinds.__file__ is not None
    files = Path(kinds.__file__).parent.glob("*.py")
    return tuple(sorted(file.stem for file in files if file.stem != "__init__"))


def find_part(name: str) -> Measure:
    """Return what measures a part.

    Raises:
        UserError: there is no part of that name.
    """
    if name not in part_names():
        raise UserError(f"unknown part of the bench '{name}': {nearest(name, part_names())}")
    importlib.import_module(f"{kinds.__name__}.{name}")
    return PARTS[name]
