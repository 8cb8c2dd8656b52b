"""The measures that a task's evaluation reports, and the columns that tables make of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from pgf.analysis.tables.context import Context
from pgf.analysis.tables.scores import BEST, LAST
from pgf.records import lower_is_better

VIEWS = {LAST: "After the last step", BEST: "Best evaluation at the strict target"}
"""Column of the records, and prefix of the measures' columns -> heading."""

HEADINGS = {
    "accuracy_top5": "top-5 accuracy",
    "bleu": "BLEU",
    "cola": "CoLA",
    "sst2": "SST-2",
    "mrpc": "MRPC",
    "stsb": "STS-B",
    "qqp": "QQP",
    "mnli_m": "MNLI-m",
    "mnli_mm": "MNLI-mm",
    "qnli": "QNLI",
    "rte": "RTE",
}
"""Measure, or the text before its last `_` -> heading; others are their name in words."""

SUFFIXES = {"f1": "F1", "matthews": "Matthews correlation"}
"""Text after a measure's last `_` -> its name, where that is not the text itself."""


@dataclass(frozen=True)
class Column:
    """One measure, or two of one prefix that stand together with their mean."""

    name: str
    """The measure's, or the prefix of the two."""
    heading: str
    measures: tuple[str, ...]

    @property
    def explanation(self) -> str:
        """A note on the heading, such as `MRPC is F1/accuracy`; empty where it needs none."""
        if self.heading != HEADINGS.get(prefix_of(self.measures[0])):
            return ""
        kinds = (measure.rpartition("_")[2] for measure in self.measures)
        return f"{self.heading} is {'/'.join(SUFFIXES.get(kind, kind) for kind in kinds)}"


def measures_of(context: Context, task: str) -> tuple[str, ...]:
    """Return the measures that the records of a task hold, in their order."""
    runs, start = context.task_runs(task), f"{LAST}."
    return tuple(
        name.removeprefix(start)
        for name in runs.columns
        if name.startswith(start) and runs[name].notna().any()
    )


def falls(context: Context, task: str, measure: str) -> bool:
    """Return whether less of a measure is better."""
    metric, higher = context.metric(task)
    return lower_is_better(measure, metric=metric, higher_is_better=higher)


def metric_name(context: Context, task: str) -> str:
    """Return the name of a task's own metric for readers: `token accuracy`, `SST-2 accuracy`."""
    return measure_heading(context.metric(task)[0])


def measure_heading(measure: str) -> str:
    """Return the name of a measure for readers: `MRPC F1`, `exact match`."""
    data_set, kind = HEADINGS.get(prefix_of(measure)), measure.rpartition("_")[2]
    return HEADINGS.get(measure) or (
        f"{data_set} {SUFFIXES.get(kind, kind)}" if data_set else _words(measure)
    )


def prefix_of(measure: str) -> str:
    """Return what stands before the last `_` of a measure; empty without one."""
    return measure.rpartition("_")[0]


def columns_of(measures: Sequence[str]) -> list[Column]:
    """Return the columns in the order of their first measure; just two of one prefix are one."""
    columns: dict[str, Column] = {}
    for measure in measures:
        prefix = prefix_of(measure)
        both = tuple(other for other in measures if prefix and prefix_of(other) == prefix)
        if len(both) == 2:
            columns[prefix] = Column(prefix, HEADINGS.get(prefix, _words(prefix)), both)
        else:
            heading = HEADINGS.get(measure) or HEADINGS.get(prefix) or _words(measure)
            columns[measure] = Column(measure, heading, (measure,))
    return list(columns.values())


def _words(name: str) -> str:
    return name.replace("_", " ")
