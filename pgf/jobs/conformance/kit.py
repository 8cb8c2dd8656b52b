"""All laws on one recipe, and what it costs beside dense training."""

import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pgf.errors import UserError
from pgf.experiments import validated
from pgf.jobs.conformance.laws import LAWS, Named
from pgf.jobs.conformance.processes import processes_agree
from pgf.jobs.conformance.trial import Trial
from pgf.recipes import find_recipe
from pgf.training import Run

TIMED = 40
TOGETHER = Named("two processes train what one does", processes_agree)


@dataclass(frozen=True)
class Finding:
    """A law, and what breaks it."""

    law: str
    broken: str | None

    @property
    def holds(self) -> bool:
        """True if nothing breaks it."""
        return self.broken is None

    @property
    def text(self) -> str:
        """The law, and below it what breaks it, for the terminal."""
        head = f"  {'holds ' if self.holds else 'BROKEN'}  {self.law}"
        return f"{head}\n          {self.broken}" if self.broken else head


def check_recipe(
    kind: str, options: dict[str, Any], *, target: str, processes: bool = True
) -> Iterator[Finding]:
    """Yield what each law finds of a recipe; without phases it is the first alone.

    Args:
        kind: its name, `module:Class` or `path/to/file.py:Class`.
        options: its settings.
        target: what is pruned, of a Vision Transformer of width 32.
        processes: False to leave out the law that starts two processes, which takes half a minute.

    Raises:
        UserError: there is no such recipe, or it cannot take the options or the target.
    """
    validated(find_recipe(kind), options, "options")
    trial = Trial(kind, options, target)
    trial.check()
    for law in (*LAWS, *((TOGETHER,) if processes else ())):
        broken = _broken(law, trial)
        yield Finding(law.name, broken)
        if broken and law is LAWS[0]:
            return  # no step of it could be followed


def _broken(law: Named, trial: Trial) -> str | None:
    try:
        return law.holds(trial)
    except UserError as error:
        return str(error)
    except Exception as error:  # whatever a user's own hooks raise
        file, line, *_ = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {error} ({Path(file).name}, line {line})"


def step_cost(kind: str, options: dict[str, Any], *, target: str) -> float:
    """Return the time of a step as a multiple of a dense one, on a small model on this machine."""
    mine, dense = (_seconds(Trial(k, o, target)) for k, o in ((kind, options), ("dense", {})))
    return mine / dense


def _seconds(trial: Trial) -> float:
    times, began = [], time.perf_counter()

    def note(run: Run) -> None:
        nonlocal began
        now = time.perf_counter()
        times.append(now - began)
        began = now

    trial.run(after=note, steps=TIMED, evaluations=1)
    return median(times)
