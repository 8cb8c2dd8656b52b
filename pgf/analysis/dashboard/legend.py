"""The recipes of the curves, of this checkout and of others, each under a name of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import cycle

from pgf.analysis.figures.series import shown_recipes
from pgf.analysis.figures.style import Look, looks
from pgf.analysis.origins import OURS
from pgf.analysis.tables.context import Context

DASHES = ((0, (6.0, 1.0, 1.0, 1.0, 1.0, 1.0)), (0, (2.0, 3.0)), (0, (8.0, 3.0, 2.0, 3.0)))
"""Lines of other checkouts, one after the other; no recipe of ours has such a line."""


@dataclass(frozen=True)
class LegendEntry:
    """A recipe of the curves."""

    recipe: str
    """Its name among the curves."""
    label: str
    look: Look
    shown: bool
    """True if its curve is drawn at first."""

    @property
    def dash(self) -> str:
        """The pattern of its line, as SVG has it; empty for an unbroken one."""
        line = self.look.line
        return "" if isinstance(line, str) else " ".join(f"{2 * part:g}" for part in line[1])


def curve_name(origin: str, recipe: str) -> str:
    """Return the name of a recipe's curve; in another checkout's it names the origin."""
    return recipe if origin == OURS else f"{recipe} ({origin})"


def legend_of(contexts: Mapping[str, Context]) -> tuple[LegendEntry, ...]:
    """Return the entries of all recipes that have runs; curves of others are not drawn at first.

    Args:
        contexts: origin -> its runs; ours come first.
    """
    lines = dict(zip((name for name in contexts if name != OURS), cycle(DASHES), strict=False))
    recipes = {name: None for context in contexts.values() for name, _ in context.recipes}
    known = looks(list(recipes))
    found = []
    for origin, context in contexts.items():
        present = {name for task in context.tasks for name in context.columns_of(task)}
        shown = {name for task in context.tasks for name in shown_recipes(context, task)}
        for name, label in context.recipes:
            if name in present:
                ours = origin == OURS
                look = known[name] if ours else replace(known[name], line=lines[origin])
                found.append(
                    LegendEntry(
                        curve_name(origin, name),
                        curve_name(origin, label),
                        look,
                        ours and name in shown,
                    )
                )
    return tuple(found)
