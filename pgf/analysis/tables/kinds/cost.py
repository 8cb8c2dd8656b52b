"""The table of costs, of the metric at equal epochs, and of gains at equal training FLOPs."""

from collections.abc import Callable
from functools import partial
from operator import attrgetter

import numpy as np
import pandas as pd

from pgf.analysis.tables import TABLES
from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.losses import measure_of
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import NO_RUN, Block, Cell, Row, Section, Table, recipe_blocks, row
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.recipe_costs import (
    LONG,
    SAME_FLOPS,
    RecipeCost,
    equal_in_flops,
    long_row,
    recipe_costs,
)
from pgf.analysis.tables.recorded import (
    DENSITY,
    INFERENCE,
    INFERENCE_DENSE,
    TRAINING,
    of_target,
    of_task,
)
from pgf.analysis.tables.units import unit_of
from pgf.analysis.tables.verdicts import NOT_TESTABLE
from pgf.analysis.tables.wording import (
    better,
    capitalized,
    common_notes,
    decimals_for,
    gain_decimals,
    percent,
    scale_text,
    score_text,
    seeds_text,
    usual_count,
    with_limits,
)


@TABLES.register("cost")
def cost(context: Context) -> Table:
    """Return the table: a section per task."""
    costs = {task: recipe_costs(context, task) for task in context.tasks}
    data = [long_row(context, one) for found in costs.values() for one in found]
    return Table(
        name="cost",
        title="Cost of training and inference, and the metric at equal cost",
        data=pd.DataFrame(data, columns=list(LONG)),
        sections=tuple(_section(context, task, found) for task, found in costs.items()),
    )


def _section(context: Context, task: str, costs: list[RecipeCost]) -> Section:
    counts = [cost.epochs.n for cost in costs]
    caption = (
        "FLOPs are 2 per multiply-accumulate. Training: forward pass at N/M while D = 0, as dense "
        "while D > 0; gradient of the input as dense, since groups lie along the input axis; "
        "gradient of the weight as dense, but at N/M under the chain rule at D = 0 and under fixed "
        "masks; statistics, evaluation and the search for masks are not counted. It is what "
        "hardware with full use of N:M could save; the paper defines none. Average density: share "
        "of the target's weights in forward passes, over training. Storage: 16-bit values and the "
        "N:M indices of kept weights. "
        f"{capitalized(metric_name(context, task))}, "
        f"{better(context, task)} is better: mean ± half-width of the "
        f"{percent(context.analysis)} t interval, {seeds_text(counts, 'a cell says otherwise')}. "
        "At equal epochs: after the last step. At equal training FLOPs: runs of their own, whose "
        f"length spends what the control spends, to within {100 * SAME_FLOPS:g}%."
        f"{scale_text(context, task)}"
    )
    blocks = [
        *_inference(context, task),
        *_training(context, task, costs),
        *_at_equal_epochs(context, task, costs),
        *_at_equal_flops(context, task, costs),
    ]
    notes = (*_missing(context, task), *common_notes(context, task))
    return Section(task, tuple(blocks), caption, notes)


def _missing(context: Context, task: str) -> tuple[str, ...]:
    """Return, in a sentence, what the records do not hold; nothing where they hold everything."""
    wanted = {
        "inference FLOPs": INFERENCE,
        "training FLOPs": TRAINING,
        "parameters kept": "parameters_kept",
        "stored bytes": "bytes",
        "average density": DENSITY,
    }
    absent = [name for name, column in wanted.items() if not _has(context, task, column)]
    if not absent:
        return ()
    return (f"Left out, because the runs do not record it: {', '.join(absent)}.",)


def _has(context: Context, task: str, column: str) -> bool:
    return bool(np.isfinite(of_task(context, task, column)))


def _inference(context: Context, task: str) -> list[Block]:
    pairs = {
        "inference {}FLOPs": (INFERENCE, INFERENCE_DENSE),
        "parameters kept{}": ("parameters_kept", "parameters"),
        "stored {}B": ("bytes", "bytes_dense"),
    }
    known = {
        head: pair
        for head, pair in pairs.items()
        if all(_has(context, task, column) for column in pair)
    }
    if not known:
        return []
    header, rows = ["target"], [["Dense"], *([target_label(t)] for t in context.targets_of(task))]
    for head, (column, dense_column) in known.items():
        dense = of_task(context, task, dense_column)
        scale, prefix = unit_of(dense)
        between = f" ({prefix})" if head.endswith("{}") and prefix else prefix
        header += [head.format(between), "of dense"]
        values = [dense, *(of_target(context, task, t, column) for t in context.targets_of(task))]
        for texts, value in zip(rows, values, strict=True):
            texts += [_three(value / scale), _percent(value / dense)]
    return [
        Block(tuple(header), tuple(row(*texts) for texts in rows), title="Inference and storage")
    ]


def _three(value: float) -> str:
    """Return three significant digits of a value below 1000."""
    return f"{value:#.3g}".rstrip(".") if np.isfinite(value) else NO_RUN.text


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%" if np.isfinite(share) else NO_RUN.text


Text = Callable[[RecipeCost], str]


def _training(context: Context, task: str, costs: list[RecipeCost]) -> list[Block]:
    kinds = {
        "Training FLOPs, relative to a dense run of the same length": attrgetter("share"),
        "Training FLOPs, counted with a sparse gradient of the input": attrgetter("other_share"),
        "Average density over training": attrgetter("density"),
    }
    blocks = []
    for title, value in kinds.items():
        if any(np.isfinite(value(cost)) for cost in costs):
            text = partial(_share_text, value)
            blocks += _by_recipe(context, task, costs, title, text)
    return blocks


def _share_text(value: Callable[[RecipeCost], float], cost: RecipeCost) -> str:
    return _percent(value(cost))


def _at_equal_epochs(context: Context, task: str, costs: list[RecipeCost]) -> list[Block]:
    decimals = decimals_for([cost.epochs for cost in costs])
    usual = usual_count([cost.epochs.n for cost in costs if cost.epochs.n])

    def text(cost: RecipeCost) -> str:
        return score_text(cost.epochs, decimals, usual, diverged=cost.diverged, nothing=NO_RUN.text)

    title = f"{capitalized(metric_name(context, task))} at equal epochs"
    return _by_recipe(context, task, costs, title, text)


def _at_equal_flops(context: Context, task: str, costs: list[RecipeCost]) -> list[Block]:
    rows = []
    for own, control in equal_in_flops(costs):
        made = compared(context, task, own.recipe, control.recipe, own.target)
        grades = grade_of(context, task, own.target).grades
        rows.append(
            row(
                target_label(own.target),
                context.label(own.recipe),
                context.label(control.recipe),
                f"{own.steps / control.steps:.2f}",
                with_limits(made.interval, gain_decimals([made.interval])),
                made.verdict if grades else NOT_TESTABLE,
            )
        )
    if not rows:
        return []
    header = ("target", "recipe", "control", "steps / control's", "gain", "verdict")
    title = f"Gain in {measure_of(context, task).name} at equal training FLOPs"
    return [Block(header, tuple(rows), title=title, text_columns=(0, 1, 2, 5))]


def _by_recipe(
    context: Context, task: str, costs: list[RecipeCost], title: str, text: Text
) -> list[Block]:
    """Return a text by recipe and target."""
    by_key = {(cost.target, cost.recipe): cost for cost in costs}
    dense = context.dense_recipes(task)
    sparse = [name for name in context.columns_of(task) if name not in dense]

    def block(recipes: tuple[str, ...]) -> Block:
        rows: list[Row] = []
        for target in context.targets_of(task):
            found = [by_key.get((target, recipe)) for recipe in recipes]
            cells = [Cell(text(cost)) if cost else NO_RUN for cost in found]
            rows.append((Cell(target_label(target)), *cells))
        header = ("target", *(context.label(recipe) for recipe in recipes))
        return Block(header, tuple(rows), title=title)

    return recipe_blocks(block, dense, sparse)
