"""The metric by target and recipe: cells before they are text, and as text."""

from dataclasses import dataclass

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.comparisons import LAST, Cells, cells_of, compare_family, paired_values
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.model import NO_RUN
from pgf.analysis.tables.published import Printed, printed_cells
from pgf.analysis.tables.wording import with_half_width


@dataclass(frozen=True)
class Entry:
    """One cell before it is text."""

    interval: Interval
    diverged: int
    best: bool
    published: Printed | None
    """The paper's number; None where it has none."""


Grid = dict[tuple[str, str], Entry]
"""(target, recipe) -> cell."""


def make_grid(context: Context, task: str, view: str) -> Grid:
    """Return the cells of a task by one column of its runs, `LAST` or `BEST`."""
    cells = cells_of(context, task, view)
    published = printed_cells(context, task)
    grid = {}
    for target in context.targets_of(task):
        # A best epoch is a maximum over evaluations, more of them for some recipes: not tested.
        best = _supported_best(context, task, cells, target) if view == LAST else None
        for recipe in context.columns_of(task):
            values = cells.of(recipe, target).to_numpy()
            diverged = cells.diverged_in(recipe, target)
            if values.size or diverged:
                grid[target, recipe] = Entry(
                    interval=mean_interval(values, confidence=context.analysis.confidence),
                    diverged=diverged,
                    best=recipe == best,
                    published=published.get((target, recipe)) or published.get((DENSE, recipe)),
                )
    return grid


def _supported_best(context: Context, task: str, cells: Cells, target: str) -> str | None:
    """Return the recipe that the decision rule finds better than every other of its row."""
    sign = 1.0 if context.metric(task)[1] else -1.0
    means = {
        recipe: sign * float(values.mean())
        for recipe in context.sparse_recipes(task)
        if (values := cells.of(recipe, target)).size
    }
    if len(means) < 2:
        return None
    best = max(means, key=lambda recipe: means[recipe])
    family = [
        (target, sign * paired_values(cells.of(best, target), cells.of(other, target)))
        for other in means
        if other != best
    ]
    found = compare_family(family, context.analysis)
    return best if all(c.verdict == "above" for c in found) else None


def value_text(entry: Entry | None, decimals: int, usual: int) -> str:
    """Return a cell as text; n stands in it where it is not the `usual` one."""
    if entry is None:
        return NO_RUN.text
    text = with_half_width(entry.interval, decimals) if entry.interval.n else ""
    text += f" (n={entry.interval.n})" if entry.interval.n not in (0, usual) else ""
    text += f" †{entry.diverged}" if entry.diverged else ""
    return text.strip()
