"""What recipes cost, and the metric at equal epochs and at equal training FLOPs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.comparisons import Cells, cells_of
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.costs import (
    AT_TARGET,
    CUMULATIVE,
    INFERENCE,
    INFERENCE_DENSE,
    TRAINING,
    TRAINING_DENSE,
    Within,
    of_target,
    of_task,
    recorded,
    smallest_total,
    within,
)
from pgf.analysis.tables.curves import with_curves
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.model import NO_RUN, Block, Cell, Row, Section, Table, panels, row
from pgf.analysis.tables.registry import table
from pgf.analysis.tables.wording import (
    common_notes,
    decimals_for,
    percent,
    scale_text,
    seeds_text,
    usual_count,
    with_half_width,
)

PANEL = 5
"""Sparse recipes beside each other; more go into a further panel, with Dense repeated."""

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))


@dataclass(frozen=True)
class Line:
    """One recipe at one target."""

    task: str
    target: str
    recipe: str
    training: float
    """Training FLOPs of a run."""
    training_dense: float
    epochs: Interval
    """Metric after the last step."""
    budget: float
    """Training FLOPs that the equal-FLOPs column allows."""
    equal: Interval
    """Metric at the last evaluation within the budget."""
    found: Within
    diverged: int

    @property
    def share(self) -> float:
        """Training FLOPs relative to a dense run of the same length."""
        return self.training / self.training_dense


@table("cost")
def cost(context: Context) -> Table:
    """Return the table: a section per task."""
    lines = {task: _lines(context, task) for task in context.tasks}
    data = [_long(context, line) for found in lines.values() for line in found]
    return Table(
        name="cost",
        title="Cost of training and inference, and the metric at equal cost",
        data=pd.DataFrame(data, columns=list(LONG)),
        sections=tuple(_section(context, task, found) for task, found in lines.items()),
    )


def _lines(context: Context, task: str) -> list[Line]:
    small = with_curves(context, (CUMULATIVE, AT_TARGET, context.metric(task)[0]))
    cells = cells_of(context, task)
    return [
        _line(small, cells, task, target, recipe)
        for target in context.targets_of(task)
        for recipe in context.columns_of(task)
        if cells.key(recipe, target) in cells.values
    ]


def _line(context: Context, cells: Cells, task: str, target: str, recipe: str) -> Line:
    _, own = cells.key(recipe, target)
    budget = smallest_total(context, task, target)
    found = within(context, task, recipe, own, budget)
    confidence = context.analysis.confidence
    return Line(
        task=task,
        target=target,
        recipe=recipe,
        training=recorded(context, task, recipe, own, TRAINING),
        training_dense=recorded(context, task, recipe, own, TRAINING_DENSE),
        epochs=mean_interval(cells.of(recipe, target).to_numpy(), confidence=confidence),
        budget=budget,
        equal=mean_interval(found.values.to_numpy(), confidence=confidence),
        found=found,
        diverged=cells.diverged_in(recipe, target),
    )


LONG = (
    *("task", "target", "recipe", "inference_flops", "inference_flops_dense"),
    *("parameters", "parameters_kept", "bytes", "bytes_dense"),
    *("training_flops", "training_flops_dense", "diverged"),
    *("equal_epochs", "equal_epochs_low", "equal_epochs_high", "equal_epochs_n"),
    *("flops_budget", "flops_used", "evaluations_within", "evaluations", "at_target"),
    *("equal_flops", "equal_flops_low", "equal_flops_high", "equal_flops_n"),
)


def _long(context: Context, line: Line) -> tuple[object, ...]:
    own = DENSE if line.recipe in context.dense_recipes(line.task) else line.target
    kept = [of_target(context, line.task, own, c) for c in (INFERENCE, "parameters_kept", "bytes")]
    dense = [of_task(context, line.task, c) for c in (INFERENCE_DENSE, "parameters", "bytes_dense")]
    found = line.found
    return (
        *(line.task, line.target, line.recipe, kept[0], dense[0]),
        *(dense[1], kept[1], kept[2], dense[2], line.training, line.training_dense, line.diverged),
        *(line.epochs.estimate, line.epochs.low, line.epochs.high, line.epochs.n),
        *(line.budget, found.flops, found.evaluations, found.of, found.at_target),
        *(line.equal.estimate, line.equal.low, line.equal.high, line.equal.n),
    )


def _section(context: Context, task: str, lines: list[Line]) -> Section:
    counts = [line.epochs.n for line in lines]
    metric, (_, higher) = metric_name(context, task), context.metric(task)
    caption = (
        "FLOPs are 2 per multiply-accumulate. Training: forward pass and gradient of the input at "
        "N/M while D = 0, as dense while D > 0; gradient of the weight as dense, but at N/M under "
        "the chain rule at D = 0 and under fixed masks; statistics, evaluation and the search for "
        "masks are not counted. It is what hardware with full use of N:M could save; the paper "
        "defines none. Storage: 16-bit values and the N:M indices of kept weights. "
        f"{metric[:1].upper()}{metric[1:]}, "
        f"{'higher' if higher else 'lower'} is better: mean ± half-width of the "
        f"{percent(context.analysis)} t interval, {seeds_text(counts, 'a cell says otherwise')}. "
        "At equal epochs: after the last step. At equal training FLOPs: at a run's last "
        "evaluation whose cumulative training FLOPs do not exceed the smallest total of the sparse "
        "recipes at that target, random masks and one-shot pruning not counted among them."
        f"{scale_text(context, task)}"
    )
    blocks = [
        *_inference(context, task),
        *_training(context, task, lines),
        *_metric_blocks(context, task, lines),
    ]
    notes = (*_missing(context, task), *_reading(lines), *common_notes(context, task))
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


def _reading(lines: list[Line]) -> tuple[str, ...]:
    if not any(line.equal.n for line in lines):
        return ()
    return (
        "Evaluations within: evaluations whose cumulative training FLOPs stay within the smallest "
        "total, of those of a whole run. The one that is shown may use less, by up to what a run "
        "spends between two evaluations, and its learning rate has not come down to the end of "
        "the schedule.",
        *(
            ["*: training was not at the strict target at that evaluation; the metric is."]
            if any(line.equal.n and not line.found.at_target for line in lines)
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


Text = Callable[[Line], str]


def _training(context: Context, task: str, lines: list[Line]) -> list[Block]:
    if not any(np.isfinite(line.share) for line in lines):
        return []
    title = "Training FLOPs, relative to a dense run of the same length"
    return _grid(context, task, lines, title, {"": lambda line: _percent(line.share)})


def _metric_blocks(context: Context, task: str, lines: list[Line]) -> list[Block]:
    intervals = [i for line in lines for i in (line.epochs, line.equal)]
    decimals = decimals_for(intervals)
    usual = usual_count([i.n for i in intervals if i.n])

    def text(interval: Interval, diverged: int) -> str:
        shown = with_half_width(interval, decimals) if interval.n else NO_RUN.text
        shown += f" (n={interval.n})" if interval.n not in (0, usual) else ""
        return shown + (f" †{diverged}" if diverged else "")

    metric = metric_name(context, task)
    epochs: dict[str, Text] = {"": lambda line: text(line.epochs, line.diverged)}
    title = f"{metric[:1].upper()}{metric[1:]} at equal"
    blocks = _grid(context, task, lines, f"{title} epochs", epochs)
    if any(np.isfinite(line.budget) and line.found.of for line in lines):
        flops: dict[str, Text] = {
            "": lambda line: text(line.equal, line.diverged) + _star(line),
            "evaluations within": lambda line: f"{line.found.evaluations} of {line.found.of}",
        }
        blocks += _grid(context, task, lines, f"{title} training FLOPs", flops)
    return blocks


def _star(line: Line) -> str:
    return "*" if line.equal.n and not line.found.at_target else ""


def _grid(
    context: Context, task: str, lines: list[Line], title: str, kinds: dict[str, Text]
) -> list[Block]:
    """Return blocks with recipes across and, for each target, a row for every kind of text."""
    by_key = {(line.target, line.recipe): line for line in lines}
    dense = context.dense_recipes(task)
    sparse = [name for name in context.columns_of(task) if name not in dense]
    blocks = []
    for i, chunk in enumerate(panels(sparse, PANEL) or [[]]):
        recipes: Sequence[str] = (*dense, *chunk)
        rows: list[Row] = []
        for target in context.targets_of(task):
            found = [by_key.get((target, recipe)) for recipe in recipes]
            for head, text in kinds.items():
                cells = [Cell(text(line)) if line else NO_RUN for line in found]
                rows.append((Cell(head or target_label(target)), *cells))
        header = ("target", *(context.label(recipe) for recipe in recipes))
        blocks.append(Block(header, tuple(rows), title=title + (" (continued)" if i else "")))
    return blocks
