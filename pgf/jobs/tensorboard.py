"""The curves of runs as TensorBoard events while they train, for whoever asks for them.

`tensorboard --logdir results/NAME/runs` shows them. They are a copy: records and tables come from
the curves themselves.
"""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.records import OVERALL

if TYPE_CHECKING:
    from pgf.training import Run

ASKED = "PGF_TENSORBOARD"
"""Environment variable that asks for events: the jobs of a workflow inherit it."""
FOLDER = "tensorboard"
"""Folder of a run that holds its events."""


def ask_for_events() -> None:
    """Make this process and those that it starts write events.

    Raises:
        UserError: the library that writes them is not installed.
    """
    _writer_class()
    os.environ[ASKED] = "1"


def events_of(results: Path) -> "Events | None":
    """Return what writes the events of this process's runs; None where nobody asked for them."""
    return Events(results, _writer_class()) if os.environ.get(ASKED) else None


def _writer_class() -> Callable[[str], Any]:
    try:
        from tensorboardX import SummaryWriter
    except ImportError as error:
        raise UserError(
            "TensorBoard events need tensorboardX: pip install tensorboardX, or the extra "
            "`tensorboard` of this package"
        ) from error
    made: Callable[[str], Any] = SummaryWriter
    return made


@dataclass
class _Written:
    """A run that is being written."""

    run: "Run"
    writer: Any
    rows: dict[int, int] = field(default_factory=dict)
    """Rows written of each of the run's lists of curves, by the list's place."""

    def catch_up(self) -> None:
        lists = [self.run.rows, *(observer.rows for observer in self.run.observers)]
        for place, rows in enumerate(lists):
            for row in rows[self.rows.get(place, 0) :]:
                if row.layer == OVERALL:
                    tag = f"{row.name}/{row.reference}" if row.reference else row.name
                    self.writer.add_scalar(tag, row.value, row.step)
            self.rows[place] = len(rows)


@dataclass
class Events:
    """Writes the curves over all layers of every run that trains here."""

    results: Path
    make_writer: Callable[[str], Any]
    _runs: dict[str, _Written] = field(default_factory=dict, init=False)

    def step(self, run: "Run") -> None:
        """Write what is new. A resumed run is written from its first step on, in a new file."""
        if (known := self._runs.get(run.spec.slug)) is None:
            folder = run.spec.directory(self.results) / FOLDER
            shutil.rmtree(folder, ignore_errors=True)
            known = self._runs[run.spec.slug] = _Written(run, self.make_writer(str(folder)))
        known.catch_up()

    def finished(self, spec: RunSpec) -> None:
        """Write the rest of a run, and close its file."""
        if known := self._runs.pop(spec.slug, None):
            known.catch_up()
            known.writer.close()
