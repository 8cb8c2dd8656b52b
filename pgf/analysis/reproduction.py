"""Comparison of an experiment's results with the committed ones: are they the same?"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from pgf.analysis.statistics import holm
from pgf.analysis.tables.admission import grade_of, recovered
from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.judgement import BETTER, WORSE
from pgf.analysis.tables.kinds.claims import findings_of
from pgf.analysis.tables.kinds.differences import every_difference
from pgf.analysis.tables.losses import losses_of, measure_of
from pgf.analysis.tables.verdicts import NOT_TESTABLE, OPPOSITE, REPRODUCED

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


class _Asked(NamedTuple):
    """A question that the tables answer."""

    task: str
    text: str
    is_of_grade: bool = False
    """True if it asks whether a target grades."""


@dataclass(frozen=True)
class Change:
    """The difference between the fresh mean of a cell and the committed one."""

    task: str
    where: str
    size: float
    unit: str
    p: float
    """Of the t-test between the seeds of both, without pairs."""


@dataclass(frozen=True)
class Reproduction:
    """Fresh results beside the committed ones."""

    verdicts: dict[str, tuple[str, str]]
    """Question -> the committed verdict and the fresh one, empty where one of them has none.

    Questions that neither can answer are left out; where a target grades in one of the two only,
    that alone is asked of its task, beside what both can answer."""
    runs: int
    missing: int
    """Committed runs that the fresh results lack."""
    equal_runs: int
    """Runs whose numbers are exactly the committed ones."""
    changes: tuple[Change, ...]
    """One for each cell that both have."""
    moved: tuple[Change, ...]
    """Those that seeds do not explain: the t-test finds them, corrected by Holm over all."""
    circumstances: dict[str, tuple[str, str]]
    """Machine, versions and code where they differ: committed, fresh."""

    @property
    def differing(self) -> dict[str, tuple[str, str]]:
        """The verdicts that are not equal."""
        return {key: pair for key, pair in self.verdicts.items() if pair[0] != pair[1]}

    @property
    def turned(self) -> dict[str, tuple[str, str]]:
        """The verdicts that say the opposite of each other."""
        opposed = ({REPRODUCED, OPPOSITE}, {BETTER, WORSE})
        return {key: pair for key, pair in self.differing.items() if set(pair) in opposed}

    @property
    def succeeded(self) -> bool:
        """True if every verdict is the committed one, no mean has moved and no run is missing."""
        return not self.differing and not self.moved and not self.missing


def compare_results(fresh: Context, committed: Context) -> Reproduction:
    """Return how fresh results differ from the committed ones of the same config."""
    both = fresh.runs.merge(committed.runs, on=KEY, how="outer", suffixes=("", "_committed"))
    changes, moved = changes_of(fresh, committed)
    return Reproduction(
        verdicts=_pairs(fresh, committed),
        runs=len(both),
        missing=int(both["status"].isna().sum()),
        equal_runs=int(_equal(both).sum()),
        changes=changes,
        moved=moved,
        circumstances=_circumstances(fresh.runs, committed.runs),
    )


def _pairs(fresh: Context, committed: Context) -> dict[str, tuple[str, str]]:
    ours, theirs = dict(_verdicts(fresh)), dict(_verdicts(committed))
    pairs = {asked: (theirs.get(asked, ""), ours.get(asked, "")) for asked in {**theirs, **ours}}
    unlike = {a.task for a, (their, our) in pairs.items() if a.is_of_grade and their != our}
    return {
        asked.text: pair
        for asked, pair in pairs.items()
        if set(pair) != {NOT_TESTABLE}
        and (asked.is_of_grade or asked.task not in unlike or NOT_TESTABLE not in pair)
    }


def changes_of(fresh: Context, committed: Context) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
    """Return the changes of all means, and those larger than seeds explain (after Holm)."""
    changes = tuple(_changes(fresh, committed))
    corrected = holm([change.p for change in changes])
    alpha = committed.analysis.alpha
    return changes, tuple(c for c, p in zip(changes, corrected, strict=True) if p <= alpha)


def _verdicts(context: Context) -> Iterator[tuple[_Asked, str]]:
    """Yield every question that the tables answer, and the answer."""
    for finding in findings_of(context):
        asked = finding.question
        pair = asked.recipe + (f" / {asked.control}" if asked.control else "")
        yield _Asked(asked.task, f"claim {asked.claim.id}, {asked.task}, {pair}"), finding.verdict
    for line in every_difference(context):
        where = target_label(line.comparison.target)
        text = f"{line.task}, {where}, {line.recipe} against {line.baseline}"
        yield _Asked(line.task, text), line.verdict
    for task in context.tasks:
        for target in context.targets_of(task):
            grades = grade_of(context, task, target).grades
            text = f"{task}, {target_label(target)}, grades"
            yield _Asked(task, text, is_of_grade=True), "yes" if grades else NOT_TESTABLE


def _equal(both: pd.DataFrame) -> np.ndarray:
    """Return which runs are there twice with exactly the same numbers."""
    same = np.asarray(both["status"].notna() & both["status_committed"].notna())
    for name in NUMBERS:
        if name in both and f"{name}_committed" in both:
            ours, theirs = (both[c].astype("float64") for c in (name, f"{name}_committed"))
            same = same & np.asarray((ours == theirs) | (ours.isna() & theirs.isna()))
    return same


def _changes(fresh: Context, committed: Context) -> Iterator[Change]:
    """Yield the change of every cell that both have: in recovered share where the task grades."""
    for task in fresh.tasks:
        if task not in committed.tasks:
            continue
        for target in (DENSE, *fresh.targets_of(task)):
            for recipe in fresh.columns_of(task):
                if (recipe in fresh.dense_recipes(task)) == (target == DENSE):
                    yield from _change(fresh, committed, task, target, recipe)


def _change(
    fresh: Context, committed: Context, task: str, target: str, recipe: str
) -> Iterator[Change]:
    ours, theirs = (losses_of(c, task).of(recipe, target).to_numpy() for c in (fresh, committed))
    if not (ours.size and theirs.size):
        return
    where = fresh.label(recipe) + ("" if target == DENSE else f" at {target_label(target)}")
    size, unit = float(theirs.mean() - ours.mean()), measure_of(fresh, task).name
    if target != DENSE and all(grade_of(c, task, target).grades for c in (fresh, committed)):
        shares = [recovered(c, task, target, recipe).estimate for c in (fresh, committed)]
        size, unit = shares[0] - shares[1], "points of recovered share"
    yield Change(task, where, size, unit, _p(ours, theirs))


def _p(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the p of a difference of means (Welch); 1 where it cannot be tested or is none."""
    if ours.size < 2 or theirs.size < 2 or ours.mean() == theirs.mean():
        return 1.0
    if np.ptp(ours) == 0 and np.ptp(theirs) == 0:
        return 0.0
    return float(ttest_ind(ours, theirs, equal_var=False).pvalue)


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
