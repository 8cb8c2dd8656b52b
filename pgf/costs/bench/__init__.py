"""The bench: what things cost on this machine, timed side by side within one run.

A part of it is a module in `bench/kinds/` with one function that is registered under the module's
name; parts for a GPU are modules in `bench/on_gpu/`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from pgf.recipes import Registry

if TYPE_CHECKING:
    from pgf.costs.bench.model import Part, Progress
    from pgf.costs.bench.sizes import Sizes

PARTS: "Registry[Callable[[Progress], Part]]" = Registry(
    "part of the bench", folder="pgf.costs.bench.kinds"
)
find_part = PARTS.find

GPU_PARTS: "Registry[Callable[[Progress, Sizes], Part]]" = Registry(
    "part of the bench on a GPU", folder="pgf.costs.bench.on_gpu"
)


def part_names() -> tuple[str, ...]:
    """Return the names of all parts, in the order in which they are measured."""
    return tuple(PARTS)
