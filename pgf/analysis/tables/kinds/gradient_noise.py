"""The table of gradient statistics by thirds of training, after the paper's Fig. 3."""

import math

import pandas as pd

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables import TABLES
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.model import EMPTY, NO_RUN, Block, Cell, Row, Section, Table, recipe_panels
from pgf.analysis.tables.phases import HEADINGS, KEYS, NOISE_TO_SIGNAL, THIRDS, phases_of
from pgf.analysis.tables.ratios import log_ratio_by_seed
from pgf.analysis.tables.wording import common_notes, percent, scale_text, scientific, seeds_text

Index = tuple[str, str, str, str, str]
"""task, target, statistic, phase, recipe."""
Samples = dict[tuple[str, ...], "pd.Series[float]"]
"""task, recipe, own target, reference, statistic, phase -> the means by seed."""


@TABLES.register("gradient_noise")
def gradient_noise(context: Context) -> Table:
    """Return the table: a section per task, a block per target."""
    intervals = _intervals(context)
    data = pd.DataFrame(
        [(*key, i.estimate, i.low, i.high, i.n) for key, i in intervals.items()],
        columns=["task", "target", "statistic", "phase", "recipe", "mean", "low", "high", "n"],
    )
    return Table(
        name="gradient_noise",
        title="Gradient statistics by thirds of training",
        data=data,
        sections=tuple(_section(context, task, intervals) for task in context.tasks),
    )


def _intervals(context: Context) -> dict[Index, Interval]:
    columns = [*(key for key in KEYS if key != "seed"), "reference", "name", "phase"]
    samples: Samples = {
        tuple(map(str, key)): rows.set_index("seed")["value"]
        for key, rows in phases_of(context).groupby(columns, sort=False)
    }
    return {
        index: interval
        for index in _indices(context)
        if (interval := _interval(samples, index, confidence=context.analysis.confidence))
    }


def _interval(samples: Samples, index: Index, *, confidence: float) -> Interval | None:
    """Return a statistic's mean over seeds, or a ratio of two means; None without samples."""
    if index[2] != "noise_to_signal":
        values = _first_of(samples, index, index[2])
        return None if values is None else mean_interval(values.to_numpy(), confidence=confidence)
    noise, signal = (_first_of(samples, index, name) for name in NOISE_TO_SIGNAL)
    if noise is None or signal is None:
        return None
    ratio = noise.mean() / signal.mean() if signal.mean() > 0 else math.nan
    logs = mean_interval(log_ratio_by_seed([noise], [signal]), confidence=confidence)
    return Interval(ratio, math.exp(logs.low), math.exp(logs.high), len(signal))


def _indices(context: Context) -> list[Index]:
    return [
        (task, target, name, phase, recipe)
        for task in context.tasks
        for target in context.targets_of(task)
        for name in HEADINGS
        for phase in THIRDS
        for recipe in context.columns_of(task)
    ]


def _first_of(samples: Samples, index: Index, name: str) -> "pd.Series[float] | None":
    """Return a statistic by seed; a dense run gives its own against the target's mask."""
    task, target, _, phase, recipe = index
    keys = [
        (task, recipe, own, reference, name, phase)
        for own in (target, DENSE)
        for reference in (target, "")
    ]
    return next((samples[key] for key in keys if key in samples), None)


def _section(context: Context, task: str, intervals: dict[Index, Interval]) -> Section:
    counts = [interval.n for key, interval in intervals.items() if key[0] == task]
    blocks = []
    dense = context.dense_recipes(task)
    sparse = [name for name in context.columns_of(task) if name not in dense]
    for target in context.targets_of(task):
        for more, shown in recipe_panels(dense, sparse):
            title = target_label(target) + more
            blocks.append(_block(context, intervals, (task, target), shown, title))
    seeds = seeds_text(counts, "the CSV file says otherwise")
    caption = (
        "Mean over the samples of a third of training, then over seeds "
        f"({seeds if counts else 'no sample yet'}); {percent(context.analysis)} t intervals are "
        f"in the CSV file.{scale_text(context, task)}"
    )
    notes = (
        "Noise to signal: ratio of the means over seeds of a third; - where the mean signal is not "
        "positive. Its interval is the jackknife's, without one where a mean over all seeds but "
        "one is not positive.",
        "Dense columns give kept and pruned weights by the mask that the row's target would have.",
    )
    return Section(task, tuple(blocks), caption, (*notes, *common_notes(context, task)))


def _block(
    context: Context,
    intervals: dict[Index, Interval],
    where: tuple[str, str],
    recipes: tuple[str, ...],
    title: str,
) -> Block:
    rows: list[Row] = []
    present = {key[2] for key in intervals if key[:2] == where}
    for name in (name for name in HEADINGS if name in present):
        for phase in THIRDS:
            found = [intervals.get((*where, name, phase, recipe)) for recipe in recipes]
            values = [Cell(scientific(i.estimate)) if i else NO_RUN for i in found]
            heading = Cell(HEADINGS[name]) if phase == THIRDS[0] else EMPTY
            rows.append((heading, Cell(phase), *values))
    header = ("statistic", "third", *(context.label(recipe) for recipe in recipes))
    return Block(header, tuple(rows), title=title, text_columns=(0, 1))
