"""The leaderboard: one row a recipe, over all tasks and targets that grade."""

import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import Context
from pgf.analysis.tables.model import Block, Section, Table, row
from pgf.analysis.tables.ranking import Place, places_of, why_empty
from pgf.analysis.tables.wording import (
    SMALL_SCALE,
    common_notes,
    no_longest,
    percent,
    percent_text,
    with_limits,
)

LONG = (
    *("recipe", "recovered", "low", "high", "cells", "better_than_sr_ste", "compared"),
    *("training_flops", "average_density", "trials", "group"),
)


@TABLES.register("leaderboard")
def leaderboard(context: Context) -> Table:
    """Return the table, one section over all tasks."""
    places = places_of(context)
    return Table(
        name="leaderboard",
        title="Leaderboard",
        data=pd.DataFrame([_long(place) for place in places], columns=list(LONG)),
        sections=(_section(context, places),),
    )


def _long(place: Place) -> tuple[object, ...]:
    share = place.share
    return (
        *(place.recipe, share.estimate, share.low, share.high, share.n, place.better),
        *(place.compared, place.flops, place.density, place.trials, place.group),
    )


def _section(context: Context, places: list[Place]) -> Section:
    tasks = context.judged_tasks
    scale = "" if all(map(context.has_same_setup, tasks)) else f" Tasks: {SMALL_SCALE}."
    caption = (
        "Recovered share: (random mask - recipe) / (random mask - dense) in percent, mean over "
        f"the tasks and targets that grade, with its {percent(context.analysis)} bootstrap "
        "interval over seeds, drawn task by task. Group: recipes whose difference to the first of "
        "the group has zero in its interval; this is not corrected for the number of recipes, so "
        "equal ones may fall into two groups. Better: cells in which the paired t-test finds the "
        "recipe better than SR-STE, and not within the margin. Costs: means over cells. Tuning "
        "trials: of all cells together. Recipes without runs in every cell, or of another length "
        f"than dense, are not ranked. Runs that several experiments share count once.{scale}"
    )
    rows = []
    for place in places:
        share = place.share
        rows.append(
            row(
                str(place.group),
                context.label(place.recipe),
                with_limits(share, 0),
                str(share.n),
                f"{place.better} of {place.compared}" if place.compared else "-",
                percent_text(place.flops),
                percent_text(place.density),
                str(place.trials or "-"),
            )
        )
    header = (
        *("group", "recipe", "recovered share", "cells", "better than SR-STE"),
        *("training FLOPs", "average density", "tuning trials"),
    )
    notes = [no_longest(task) for task in context.absent_longest]
    notes += [] if places or not tasks else [why_empty(context)]
    seen = dict.fromkeys(n for task in tasks for n in common_notes(context, task, judged=True))
    block = Block(header, tuple(rows), text_columns=(0, 1))
    return Section(", ".join(tasks), (block,), caption, (*notes, *seen))
