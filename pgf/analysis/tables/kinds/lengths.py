"""The table of recovered share by length of training."""

import math

import pandas as pd

from pgf.analysis.statistics import Interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.admission import DENSE_ROLE
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.lengths import (
    LEFT,
    Point,
    gain_of_doubling,
    lengths_of,
    long_enough,
    points_of,
)
from pgf.analysis.tables.model import NO_RUN, Block, Cell, Section, Table, row
from pgf.analysis.tables.wording import common_notes, percent, scale_text, with_limits

LONG = (
    *("family", "task", "steps", "target", "recipe", "recovered", "low", "high", "n"),
    *("grades", "diverged"),
)
NO_LENGTHS = "No task of this experiment is trained at several lengths."


@TABLES.register("lengths")
def lengths(context: Context) -> Table:
    """Return the table: a section per task that has several lengths, a block per target."""
    points = list(points_of(context))
    families = [family for family in context.families if lengths_of(context, family)]
    sections = tuple(_section(context, family) for family in families)
    return Table(
        name="lengths",
        title="Recovered share by length of training",
        data=pd.DataFrame([_long(point) for point in points], columns=list(LONG)),
        sections=sections or (Section(", ".join(context.tasks), (), NO_LENGTHS),),
    )


def _long(point: Point) -> tuple[object, ...]:
    share = point.share
    return (
        *(point.family, point.task, point.steps, point.target, point.recipe),
        *(share.estimate, share.low, share.high, share.n, point.grades, point.diverged),
    )


def lengths_caption(context: Context) -> str:
    """Return how the table of lengths is read."""
    return (
        "(random mask - recipe) / (random mask - dense) in percent, of the held-out measure after "
        f"the last step, with its {percent(context.analysis)} bootstrap interval over seeds. Every "
        "length is trained by itself, with its own schedule. (x): the target does not grade at "
        "this length. Claims are judged at the longest length. Gain of a doubling: by how much a "
        "doubled longest length lowers the dense loss, in percent of random mask - dense: measured "
        "where dense was trained at twice the length, else by the power law through the last three "
        "lengths, or as the mean between the last two. Below "
        f"{LEFT:g}%, with its whole interval where it was measured, the longest is long enough."
    )


def _section(context: Context, family: str) -> Section:
    tasks = [task for _, task in lengths_of(context, family)]
    caption = f"{lengths_caption(context)}{scale_text(context, tasks[-1])}"
    notes = dict.fromkeys(n for t in tasks for n in common_notes(context, t, judged=True))
    return Section(family, tuple(length_blocks(context, family)), caption, tuple(notes))


def length_blocks(context: Context, family: str) -> list[Block]:
    """Return whether the longest length is long enough, then the shares, a block per target."""
    own = [point for point in points_of(context) if point.family == family]
    steps = [length for length, _ in lengths_of(context, family)]
    targets = list(dict.fromkeys(point.target for point in own))
    blocks = [_enough(context, family, targets)]
    return blocks + [_block(context, [p for p in own if p.target == t], steps) for t in targets]


def _enough(context: Context, family: str, targets: list[str]) -> Block:
    rows = []
    for target in targets:
        gain = gain_of_doubling(context, family, target)
        shown, pairs = gain_text(gain), str(gain.n) if gain.n else "-"
        rows.append(row(target_label(target), shown, pairs, long_enough(gain)))
    header = ("target", "gain of a doubling", "n", "long enough")
    return Block(header, tuple(rows), title="The longest length", text_columns=(0, 3))


def gain_text(gain: Interval) -> str:
    """Return the gain of a doubling in percent, with its limits where it was measured."""
    if math.isnan(gain.estimate):
        return "-"
    if math.isnan(gain.low):
        return f"{gain.estimate:.0f}%"
    return f"{gain.estimate:.0f}% [{gain.low:.0f}, {gain.high:.0f}]"


def _block(context: Context, points: list[Point], steps: list[int]) -> Block:
    dense = {context.column_of(task, DENSE_ROLE) for task in context.tasks}
    recipes = [r for r in dict.fromkeys(p.recipe for p in points) if r not in dense]
    found = {(point.recipe, point.steps): point for point in points}
    rows = [
        (Cell(context.label(recipe)), *(_cell(found.get((recipe, n))) for n in steps))
        for recipe in recipes
    ]
    header = ("recipe", *(f"{n:,} steps" for n in steps))
    return Block(header, tuple(rows), title=target_label(points[0].target))


def _cell(point: Point | None) -> Cell:
    if point is None or not point.share.n:
        return NO_RUN
    text = with_limits(point.share, 0) + ("" if point.grades else " (x)")
    return Cell(text + (f" †{point.diverged}" if point.diverged else ""))
