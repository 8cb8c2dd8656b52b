"""Comparison of an experiment's results with the committed ones: are the verdicts the same?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgf.analysis.tables.admission import grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.kinds.differences import every_difference
from pgf.analysis.tables.mean_scores import mean_scores
from pgf.analysis.tables.measurements import metric_name
from pgf.analysis.tables.scores import LAST

KEY = ["task", "recipe", "target", "seed"]
NUMBERS = ["final", "final_loss", "best"]
PROVENANCE = (
    "machine",
    "cpu",
    "gpu",
    "device",
    "python",
    "torch",
    "timm",
    "transformers",
    "numpy",
    "code",
)
"""Columns of a run that may explain why its numbers differ."""
NAMED = 5
"""Differing verdicts that the text names before it only counts."""


@dataclass(frozen=True)
class Change:
    """The cell of a task whose mean moved most."""

    task: str
    where: str
    size: float
    unit: str


@dataclass(frozen=True)
class Reproduction:
    """Verdicts of fresh results beside those of the committed ones."""

    verdicts: dict[str, tuple[str, str]]
    """Question -> the committed verdict and the fresh one; empty where one of them has none."""
    runs: int
    equal_runs: int
    """Runs whose numbers are exactly the committed ones."""
    changes: tuple[Change, ...]
    """One for each task."""
    circumstances: dict[str, tuple[str, str]]
    """Machine, versions and code where they differ: committed, fresh."""

    @property
    def differing(self) -> dict[str, tuple[str, str]]:
        """The verdicts that are not equal."""
        return {key: pair for key, pair in self.verdicts.items() if pair[0] != pair[1]}

    @property
    def succeeded(self) -> bool:
        """True if every verdict is the committed one."""
        return not self.differing


def compare_results(fresh: Context, committed: Context) -> Reproduction:
    """Return how fresh results differ from the committed ones of the same config."""
    ours, theirs = dict(_verdicts(fresh)), dict(_verdicts(committed))
    runs, equal = _equal_runs(fresh.runs, committed.runs)
    return Reproduction(
        verdicts={key: (theirs.get(key, ""), ours.get(key, "")) for key in {**theirs, **ours}},
        runs=runs,
        equal_runs=equal,
        changes=tuple(_changes(fresh, committed)),
        circumstances=_circumstances(fresh.runs, committed.runs),
    )


def _verdicts(context: Context) -> Iterator[tuple[str, str]]:
    """Yield every question that the tables answer, and the answer."""
    for finding in findings_of(context):
        asked = finding.question
        pair = asked.recipe + (f" / {asked.control}" if asked.control else "")
        yield f"claim {asked.claim.id}, {asked.task}, {pair}", finding.verdict
    for line in every_difference(context):
        where = target_label(line.comparison.target)
        question = f"{line.task}, {where}, {line.recipe} against {line.baseline}"
        yield question, line.verdict
    for task in context.tasks:
        for target in context.targets_of(task):
            grades = grade_of(context, task, target).grades
            yield f"{task}, {target_label(target)}, grades", "yes" if grades else "no"


def _equal_runs(fresh: pd.DataFrame, committed: pd.DataFrame) -> tuple[int, int]:
    """Return how many runs there are, and how many of them have exactly the committed numbers."""
    names = [name for name in NUMBERS if name in fresh and name in committed]
    both = fresh.merge(committed, on=KEY, how="outer", suffixes=("", "_committed"))
    same = np.ones(len(both), dtype=bool)
    for name in names:
        ours, theirs = (both[column].astype("float64") for column in (name, f"{name}_committed"))
        same &= np.asarray((ours == theirs) | (ours.isna() & theirs.isna()))
    there = both["status"].notna() & both["status_committed"].notna()
    return len(both), int((same & np.asarray(there)).sum())


def _changes(fresh: Context, committed: Context) -> Iterator[Change]:
    """Yield the largest change of every task: in recovered share where it grades."""
    for task in fresh.tasks:
        if task not in committed.tasks:
            continue
        found = [*_shares(fresh, committed, task)] or [*_means(fresh, committed, task)]
        known = [change for change in found if np.isfinite(change.size)]
        if known:
            yield max(known, key=lambda change: abs(change.size))


def _shares(fresh: Context, committed: Context, task: str) -> Iterator[Change]:
    for target in fresh.targets_of(task):
        if not all(grade_of(context, task, target).grades for context in (fresh, committed)):
            continue
        for recipe in fresh.sparse_recipes(task):
            ours, theirs = (recovered(c, task, target, recipe) for c in (fresh, committed))
            where = f"{fresh.label(recipe)} at {target_label(target)}"
            yield Change(task, where, ours.estimate - theirs.estimate, "points of recovered share")


def _means(fresh: Context, committed: Context, task: str) -> Iterator[Change]:
    ours, theirs = (mean_scores(context, task, LAST) for context in (fresh, committed))
    for target, recipe in ours:
        if (target, recipe) in theirs:
            pair = ours[target, recipe].interval, theirs[target, recipe].interval
            place = "" if target == DENSE else f" at {target_label(target)}"
            size = pair[0].estimate - pair[1].estimate
            yield Change(task, fresh.label(recipe) + place, size, metric_name(fresh, task))


def _circumstances(fresh: pd.DataFrame, committed: pd.DataFrame) -> dict[str, tuple[str, str]]:
    found = {}
    for name in PROVENANCE:
        if name in fresh and name in committed:
            pair = _values(committed, name), _values(fresh, name)
            if pair[0] != pair[1]:
                found[name] = pair
    return found


def _values(runs: pd.DataFrame, name: str) -> str:
    return ", ".join(sorted({str(value) for value in runs[name].dropna()})) or "unknown"


def reproduction_text(made: Reproduction) -> str:
    """Return what a person reads at the end: the answer first, then what differs and why."""
    total, differing = len(made.verdicts), made.differing
    answer = "reproduced" if made.succeeded else "NOT reproduced"
    lines = [
        f"{answer}: {total - len(differing)} of {total} verdicts equal the committed ones; "
        f"{made.equal_runs} of {made.runs} runs have exactly the committed numbers"
    ]
    for question, (theirs, ours) in list(differing.items())[:NAMED]:
        lines.append(f"  {question}: committed {theirs or 'no verdict'}, here {ours or 'none'}")
    if len(differing) > NAMED:
        lines.append(f"  and {len(differing) - NAMED} more")
    lines += [
        f"  largest change of {change.task}: {change.size:+.2g} {change.unit}, {change.where}"
        for change in made.changes
        if change.size
    ]
    if made.circumstances and made.equal_runs < made.runs:
        lines.append(f"  what differs: {_listed(made.circumstances)}")
    return "\n".join(lines)


def _listed(circumstances: Mapping[str, tuple[str, str]]) -> str:
    return "; ".join(
        "code" if name == "code" else f"{name} {theirs}, here {ours}"
        for name, (theirs, ours) in circumstances.items()
    )
