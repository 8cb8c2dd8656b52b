"""The paper's numbers, and their match with the recipes of this project."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pandas as pd

from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.measurements import measures_of
from pgf.errors import UserError
from pgf.experiments import PublishedSettings
from pgf.recipes import Target

BASELINE_OF_PAPER = "SR-STE"
"""The published recipe that the paper compares its own with."""

FRACTIONS = ("token_accuracy",)
"""Metrics that the paper prints as fractions of 1; shown in percent, as they are measured here."""

PAPER_NAMES = {
    "vit_base": "ViT-Base",
    "vit_large": "ViT-Large",
    "swinv2_base": "SwinV2-Base",
    "t5_base": "T5X-Base",
    "encdec_wmt": "Encoder-Decoder",
    "resnet50": "ResNet-50",
    "imagenet1k": "ImageNet-1K",
    "cifar10": "CIFAR-10",
    "glue": "GLUE",
    "wmt17_en_de": "WMT-17 en-de",
}
"""Names of models and data sets as the paper prints them."""


@dataclass(frozen=True)
class PublishedNumber:
    """One number of the paper."""

    text: str
    """As the paper prints it; a fraction as percent, with the same digits."""
    value: float
    source: PublishedSettings


def load_published(path: Path) -> pd.DataFrame:
    """Read the paper's numbers: one value a row, `printed` as the paper prints it.

    Raises:
        UserError: the file is not there.
    """
    if not path.exists():
        raise UserError(f"{path} with the paper's numbers is not there")
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    frame = frame.rename(columns={"value": "printed"})
    frame["value"] = frame["printed"].map(_number)
    return frame


def load_curves(path: Path) -> pd.DataFrame:
    """Read curves of the paper: panel, recipe, steps_1e3 (thousands, as its axis counts), value.

    Raises:
        UserError: the file is not there.
    """
    if not path.exists():
        raise UserError(f"{path} with the paper's curves is not there")
    return pd.read_csv(path)


def select_published(
    frame: pd.DataFrame, settings: PublishedSettings, *, task: str
) -> pd.DataFrame:
    """Return the paper's numbers that an experiment asks for.

    Raises:
        UserError: there are none.
    """
    table = table_of(frame, settings)
    chosen = table[table["metric"] == settings.metric]
    if chosen.empty:
        raise UserError(
            f"the paper's numbers have no table {settings.table} with model '{settings.model}' "
            f"and metric '{settings.metric}', which task '{task}' asks for"
        )
    return chosen


def table_of(frame: pd.DataFrame, settings: PublishedSettings) -> pd.DataFrame:
    """Return every number of a published table and model, in this project's terms.

    Targets have this project's text form and fractions are in percent. Where one recipe has
    several values, as in ablations, the note that tells them apart becomes part of its label:
    `MdGf-Linear (dense steps 5%)`.
    """
    rows = frame[(frame["table"] == settings.table) & (frame["model"] == settings.model)]
    several = rows.duplicated(["metric", "target", "recipe"], keep=False)
    fraction = rows["metric"].isin(FRACTIONS)
    percent = rows["printed"].map(_percent)
    return rows.assign(
        target=rows["target"].map(_canonical),
        recipe=rows["recipe"].where(~several, rows["recipe"] + " (" + rows["note"] + ")"),
        note=rows["note"].where(~several, ""),
        printed=rows["printed"].where(~fraction, percent),
        value=rows["value"].where(~fraction, percent.map(_number)),
    )


def match_recipes(labels: Mapping[str, str], published: Iterable[str]) -> dict[str, list[str]]:
    """Return which published recipes stand beside which column.

    A published recipe belongs to the column of the same label, else to the first without such a
    one whose label differs by no more than remarks in brackets, such as `SR-STE (from step 0)`.

    Args:
        labels: column -> label, in order.
        published: recipes as the paper labels them.
    """
    paper = list(dict.fromkeys(published))
    columns = {label: column for column, label in reversed(list(labels.items()))}
    found = {columns[label]: [label] for label in paper if label in columns}
    exact = set(found)
    for label in (label for label in paper if label not in columns):
        close = [
            column
            for column, own in labels.items()
            if base_label(own) == base_label(label) and column not in exact
        ]
        if close:
            found.setdefault(close[0], []).append(label)
    return found


def base_label(label: str) -> str:
    """Return a label without a remark in brackets at its end."""
    return re.sub(r"\s*\([^()]*\)$", "", label)


def labels_of(context: Context, task: str) -> dict[str, str]:
    """Return column -> label of a task."""
    return {column: context.label(column) for column in context.columns_of(task)}


def metric_sources(context: Context, task: str) -> list[tuple[PublishedSettings, pd.DataFrame]]:
    """Return the published numbers to show beside a task's own metric, a frame for each entry.

    An entry whose metric is another of the task's measures belongs beside that one alone.
    """
    if context.published.empty:
        return []
    others = set(measures_of(context, task)) - {context.metric(task)[0]}
    return [
        (settings, select_published(context.published, settings, task=task))
        for settings in context.papers_entries(task)
        if settings.metric not in others
    ]


def published_numbers(context: Context, task: str) -> dict[tuple[str, str], PublishedNumber]:
    """Return (target, column) -> the paper's number for the task's metric.

    The same label goes before a similar one, then an earlier entry before a later one. A column
    that several published recipes resemble gets no number: which of them it is, is not known.
    """
    labels = labels_of(context, task)
    sources = metric_sources(context, task)
    cells: dict[tuple[str, str], PublishedNumber] = {}
    for exact in (True, False):
        for settings, frame in sources:
            for column, names in match_recipes(labels, frame["recipe"]).items():
                if len(names) > 1 or (names[0] == labels[column]) != exact:
                    continue
                for line in frame[frame["recipe"] == names[0]].itertuples():
                    number = PublishedNumber(str(line.printed), float(str(line.value)), settings)
                    cells.setdefault((str(line.target), column), number)
    return cells


def published_differences(context: Context, task: str) -> dict[tuple[str, str], float]:
    """Return (target, column) -> the paper's difference to SR-STE, within one of its tables."""
    labels = labels_of(context, task)
    found: dict[tuple[str, str], float] = {}
    for _, frame in metric_sources(context, task):
        values = frame.set_index(["target", "recipe"])["value"]
        for column, names in match_recipes(labels, frame["recipe"]).items():
            for target in frame["target"].unique():
                pair = (target, names[0]), (target, BASELINE_OF_PAPER)
                if len(names) == 1 and pair[0] != pair[1] and all(p in values for p in pair):
                    difference = float(values[pair[0]] - values[pair[1]])
                    found.setdefault((str(target), column), difference)
    return found


def paper_source(context: Context, settings: PublishedSettings) -> str:
    """Return what the published numbers are of: `ViT-Base, ImageNet-1K (Table 2)`."""
    rows = context.published[context.published["table"] == settings.table]
    data = rows.loc[rows["model"] == settings.model, "dataset"].iloc[0]
    model = PAPER_NAMES.get(settings.model, settings.model)
    return f"{model}, {PAPER_NAMES.get(data, data)} (Table {settings.table})"


def paper_notes(context: Context, sources: Iterable[PublishedSettings]) -> list[str]:
    """Return what to know of the published numbers that a table shows; nothing for none."""
    shown = list(dict.fromkeys(sources))
    if not shown:
        return []
    tables = "; ".join(dict.fromkeys(paper_source(context, settings) for settings in shown))
    notes = [f"paper: {tables}, as published: one run per cell."]
    fractions = dict.fromkeys(s.table for s in shown if s.metric in FRACTIONS)
    notes += [f"Table {table} prints fractions of 1, here in percent." for table in fractions]
    for table in dict.fromkeys(settings.table for settings in shown):
        notes += context.remarks.get(table, ())
    return notes


def _canonical(target: str) -> str:
    """Return a printed target in this project's text form: `1:8FF+1:8QK` and `-`, too."""
    if target == "-":
        return DENSE
    try:
        return str(Target.parse(re.sub(r"(\d)([A-Z]+)", r"\1(\2)", target)))
    except UserError:
        return target


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _percent(fraction: str) -> str:
    """Return a printed fraction as percent with the same digits: 0.710 becomes 71.0."""
    return str(Decimal(fraction).scaleb(2)) if re.fullmatch(r"\d*\.?\d+", fraction) else fraction
