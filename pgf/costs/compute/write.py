"""Makes and writes the tables of an experiment's counted costs."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pgf.analysis import Section, Table, to_latex, to_markdown
from pgf.costs.compute import NAMES, SUFFIXES
from pgf.costs.compute.layer_types import layer_types
from pgf.costs.compute.printed import numbers_of
from pgf.costs.compute.targets import targets
from pgf.costs.compute.training import training
from pgf.experiments import PublishedSettings, RunSpec
from pgf.recipes import Target
from pgf.records import write_atomically
from pgf.tasks import make_task

TITLES = (
    "Operations and weights by type of layer (the paper's Tables 1 and 17)",
    "Operations and storage at every target (the paper's Table 18)",
    "Training FLOPs of every recipe, relative to dense training",
)


def compute_tables(
    specs: Sequence[RunSpec],
    published: pd.DataFrame,
    settings: Mapping[str, Sequence[PublishedSettings]],
    *,
    remarks: Mapping[str, Sequence[str]],
    progress: Callable[[str], None],
) -> list[Table]:
    """Return the tables of an experiment's runs, a section for each of its tasks.

    Args:
        specs: the runs; none is trained.
        published: the paper's numbers, from `load_published`.
        settings: task -> which of the paper's models it is.
        remarks: number of a published table -> what to know of it where it is shown.
        progress: called with the name of each task that is counted.
    """
    names = list(dict.fromkeys(spec.task.name for spec in specs))
    sections: dict[str, list[Section]] = {name: [] for name in NAMES}
    frames: dict[str, list[pd.DataFrame]] = {name: [] for name in NAMES}
    for name in names:
        progress(name)
        own = [spec for spec in specs if spec.task.name == name]
        task = make_task(own[0].task)
        chosen = [Target.parse(t) for t in dict.fromkeys(s.target for s in own) if t != "dense"]
        same = (entry.model for entry in settings.get(name, ()) if entry.same_setup)
        numbers = numbers_of(published, next(same, None))
        parts = (
            layer_types(name, task, numbers),
            targets(name, task, chosen, numbers, remarks.get("18", ())),
            training(name, task, own),
        )
        for table, (section, frame) in zip(NAMES, parts, strict=True):
            sections[table].append(section)
            frames[table].append(frame)
    return [
        Table(name, title, pd.concat(frames[name], ignore_index=True), tuple(sections[name]))
        for name, title in zip(NAMES, TITLES, strict=True)
    ]


def write_compute(tables: Sequence[Table], folder: Path) -> None:
    """Write each table as CSV (raw numbers), Markdown and LaTeX."""
    for table in tables:
        texts = (
            table.data.to_csv(index=False, lineterminator="\n"),
            to_markdown(table),
            to_latex(table),
        )
        for suffix, text in zip(SUFFIXES, texts, strict=True):
            write_atomically(folder / (table.name + suffix), text)
