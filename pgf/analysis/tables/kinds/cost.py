"""The table of costs, and of the metric at equal epochs and at equal training FLOPs."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import NO_RUN, Block, Cell, Row, Section, Table, recipe_panels, row
from pgf.analysis.tables.recipe_costs import LONG, RecipeCost, long_row, recipe_costs
from pgf.analysis.tables.recorded import (
    CUMULATIVE,
    INFERENCE,
    INFERENCE_DENSE,
    TRAINING,
    of_target,
    of_task,
)
from pgf.analysis.tables.wording import (
    better,
    capitalized,
    common_notes,
    decimals_for,
    percent,
    scale_text,
    score_text,
    seeds_text,
    usual_count,
)

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


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
        "FLOPs are 2 per multiply-accumulate. Training: forward pass and gradient of the input at "
        "N/M while D = 0, as dense while D > 0; gradient of the weight as dense, but at N/M under "
        "the chain rule at D = 0 and under fixed masks; statistics, evaluation and the search for "
        "masks are not counted. It is what hardware with full use of N:M could save; the paper "
        "defines none. Storage: 16-bit values and the N:M indices of kept weights. "
        f"{capitalized(metric_name(context, task))}, "
        f"{better(context, task)} is better: mean ± half-width of the "
        f"{percent(context.analysis)} t interval, {seeds_text(counts, 'a cell says otherwise')}. "
        "At equal epochs: after the last step. At equal training FLOPs: at a run's last "
        "evaluation whose cumulative training FLOPs do not exceed the smallest total of the sparse "
        "recipes at that target, random masks and one-shot pruning not counted among them."
        f"{scale_text(context, task)}"
    )
    blocks = [
        *_inference(context, task),
        *_training(context, task, costs),
        *_metric_blocks(context, task, costs),
    ]
    notes = (*_missing(context, task), *_reading(costs), *common_notes(context, task))
    return Section(task, tuple(blocks), caption, notes)


def _missing(context: Context, task: str) -> tuple[str, ...]:
    """Return, in a sentence, what the records do not hold; nothing where they hold everything."""
    wanted = {
        "inference FLOPs": INFERENCE,
        "training FLOPs": TRAINING,
        "parameters kept": "parameters_kept",
        "stored bytes": "bytes",
    }
    absent = [name for name, column in wanted.items() if not _has(context, task, column)]
    names = context.curves.loc[context.curves["task"] == task, "name"]
    absent += [] if CUMULATIVE in set(names) else ["cumulative training FLOPs"]
    if not absent:
        return ()
    return (f"Left out, because the runs do not record it: {', '.join(absent)}.",)


def _has(context: Context, task: str, column: str) -> bool:
    return bool(np.isfinite(of_task(context, task, column)))


def _reading(costs: list[RecipeCost]) -> tuple[str, ...]:
    if not any(cost.equal.n for cost in costs):
        return ()
    return (
        "Evaluations within: evaluations whose cumulative training FLOPs stay within the smallest "
        "total, of those of a whole run. The one that is shown may use less, by up to what a run "
        "spends between two evaluations, and its learning rate has not come down to the end of "
        "the schedule.",
        *(
            ["*: training was not at the strict target at that evaluation; the metric is."]
            if any(cost.equal.n and not cost.within.at_target for cost in costs)
            else []
        ),
    )


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
        scale, prefix = next(pair for pair in PREFIXES if dense >= pair[0])
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
    if not any(np.isfinite(cost.share) for cost in costs):
        return []
    title = "Training FLOPs, relative to a dense run of the same length"
    return _by_recipe(context, task, costs, title, {"": lambda cost: _percent(cost.share)})


def _metric_blocks(context: Context, task: str, costs: list[RecipeCost]) -> list[Block]:
    intervals = [i for cost in costs for i in (cost.epochs, cost.equal)]
    decimals = decimals_for(intervals)
    usual = usual_count([i.n for i in intervals if i.n])

    def text(interval: Interval, diverged: int) -> str:
        return score_text(interval, decimals, usual, diverged=diverged, nothing=NO_RUN.text)

    epochs: dict[str, Text] = {"": lambda cost: text(cost.epochs, cost.diverged)}
    title = f"{capitalized(metric_name(context, task))} at equal"
    blocks = _by_recipe(context, task, costs, f"{title} epochs", epochs)
    if any(np.isfinite(cost.budget) and cost.within.of for cost in costs):
        flops: dict[str, Text] = {
            "": lambda cost: text(cost.equal, cost.diverged) + _star(cost),
            "evaluations within": lambda cost: f"{cost.within.evaluations} of {cost.within.of}",
        }
        blocks += _by_recipe(context, task, costs, f"{title} training FLOPs", flops)
    return blocks


def _star(cost: RecipeCost) -> str:
    return "*" if cost.equal.n and not cost.within.at_target else ""


def _by_recipe(
    context: Context, task: str, costs: list[RecipeCost], title: str, kinds: dict[str, Text]
) -> list[Block]:
    """Return blocks with recipes across and, for each target, a row for every kind of text."""
    by_key = {(cost.target, cost.recipe): cost for cost in costs}
    dense = context.dense_recipes(task)
    sparse = [name for name in context.columns_of(task) if name not in dense]
    blocks = []
    for more, recipes in recipe_panels(dense, sparse):
        rows: list[Row] = []
        for target in context.targets_of(task):
            found = [by_key.get((target, recipe)) for recipe in recipes]
            for head, text in kinds.items():
                cells = [Cell(text(cost)) if cost else NO_RUN for cost in found]
                rows.append((Cell(head or target_label(target)), *cells))
        header = ("target", *(context.label(recipe) for recipe in recipes))
        blocks.append(Block(header, tuple(rows), title=title + more))
    return blocks
