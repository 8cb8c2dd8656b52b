"""Runs of other checkouts beside ours: more seeds of the same runs, or a table of their own.

Runs are pooled with ours only where settings and data are the same, and all that runs of one
experiment share, such as numeric code, torch and device. Others stand apart: each recovers a share
between the random mask and the dense runs of its own origin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from pgf.analysis.staleness import differences_of
from pgf.errors import UserError
from pgf.experiments import Experiment
from pgf.records import ALIKE, IDENTITY, Collected

OURS = "here"
"""The name of this checkout's own runs."""
ORIGIN = "origin"
"""Column of merged runs that names where each is from."""
NEEDED = ("schema", "recipe_label", "code", "data", "torch", "device", "final_loss")
"""Columns without which runs cannot be compared."""
KINDS = ("recipe.kind", "task.kind")
NAMED = 3
"""Differences that a reason names."""


@dataclass(frozen=True)
class Joined:
    """The runs of one other checkout, and what became of them."""

    name: str
    pooled: int
    """Runs that count with ours."""
    repeated: int
    """Runs that ours has too, of the same seed: they are not counted again."""
    equal: int
    """Repeated runs with exactly our loss."""
    reasons: tuple[str, ...] = ()
    """Reasons to keep them apart; empty where they are pooled."""
    column: str = ""
    """Label of the further column that a submission is; empty for runs of our own columns."""

    @property
    def text(self) -> str:
        """A sentence on it."""
        if self.reasons:
            return f"{self.name}: apart, because {'; '.join(self.reasons)}"
        if self.column:
            return f"{self.name}: {self.pooled} runs of a further column, {self.column}"
        again = f"; {self.repeated} are ours too, {self.equal} of them with the same loss"
        return f"{self.name}: {self.pooled} runs pooled{again if self.repeated else ''}"


def join(
    experiment: Experiment, ours: Collected, others: Mapping[str, Collected]
) -> tuple[Collected, dict[str, Collected], list[Joined]]:
    """Return ours with what can be pooled, what stands apart, and an account of each.

    Args:
        experiment: the config that the runs are of, as it is here.
        ours: this checkout's runs.
        others: name -> runs of another checkout.

    Raises:
        UserError: runs were recorded by another version's schema.
    """
    pooled = replace(ours, runs=ours.runs.assign(**{ORIGIN: OURS}))
    apart: dict[str, Collected] = {}
    said = []
    for name, other in others.items():
        _check_columns(name, ours.runs, other.runs)
        reasons = _reasons(experiment, pooled.runs, other.runs)
        if reasons:
            apart[name] = other
            said.append(Joined(name, 0, 0, 0, reasons))
        else:
            pooled, account = _pool(pooled, name, other)
            said.append(account)
    return pooled, apart, said


def add_column(pooled: Collected, name: str, own: Collected) -> tuple[Collected, Joined]:
    """Return the runs with those of a submission's column.

    Args:
        pooled: the runs so far, with their origins.
        name: of the submission.
        own: its runs.

    Raises:
        UserError: it was recorded by another version's schema, or its data are others.
    """
    _check_columns(name, pooled.runs, own.runs)
    if reasons := _other_data(pooled.runs, own.runs):
        raise UserError(f"{name} cannot stand beside these runs: {'; '.join(reasons)}")
    columns = set(own.runs["recipe"])
    if there := sorted(columns & set(pooled.runs["recipe"])):
        raise UserError(f"{name}: the column {', '.join(there)} is there already; give it once")
    pairs = zip(
        (pooled.runs, pooled.curves, pooled.layers),
        (own.runs.assign(**{ORIGIN: name}), own.curves, own.layers),
        strict=True,
    )
    joined = Collected(*(pd.concat(pair, ignore_index=True) for pair in pairs))
    label = str(own.runs["recipe_label"].iloc[0])
    if _values(pooled.runs, "code") != (codes := _values(own.runs, "code")):
        label += f" (by other numeric code, {', '.join(codes)})"
    return joined, Joined(name, len(own.runs), 0, 0, column=label)


def _check_columns(name: str, ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    if absent := [column for column in NEEDED if column not in theirs]:
        raise UserError(f"{name}: its runs.csv lacks the columns {', '.join(absent)}")
    own, other = (sorted(set(runs["schema"])) for runs in (ours, theirs))
    if own != other:
        raise UserError(
            f"{name}: its records are of schema {', '.join(map(str, other))}, and this version's "
            f"of {', '.join(map(str, own))}: collect them again with this version"
        )


def _reasons(experiment: Experiment, ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[str, ...]:
    """Return what keeps runs from being pooled."""
    found = [
        f"{text} ({count} runs)"
        for text, count in differences_of(experiment, theirs, any_seed=True).most_common(NAMED)
    ]
    for column in ALIKE:
        if (own := _values(ours, column)) != (other := _values(theirs, column)):
            words = "numeric code" if column == "code" else column
            found.append(f"{words} {', '.join(other)}, and {', '.join(own)} here")
    kinds = {kind for name in KINDS if name in theirs for kind in theirs[name].dropna()}
    if outside := sorted(kind for kind in map(str, kinds) if ":" in kind):
        found.append(f"{', '.join(outside)} may be another file there")
    return (*found, *_other_data(ours, theirs))


def _other_data(ours: pd.DataFrame, theirs: pd.DataFrame) -> list[str]:
    found = []
    for task in theirs["task"].unique():
        own, other = (_values(runs[runs["task"] == task], "data") for runs in (ours, theirs))
        if len(other) > 1 or (own and own != other):
            found.append(f"data of {task} {', '.join(other)}, and {', '.join(own) or 'none'} here")
    return found


def _values(runs: pd.DataFrame, column: str) -> list[str]:
    return sorted(map(str, runs[column].dropna().unique())) if column in runs else []


def _pool(pooled: Collected, name: str, other: Collected) -> tuple[Collected, Joined]:
    own, theirs = pooled.runs, other.runs
    both = theirs.merge(own[[*IDENTITY, "final_loss"]], on=IDENTITY, suffixes=("", "_ours"))
    known = pd.MultiIndex.from_frame(own[IDENTITY])
    new = theirs[~pd.MultiIndex.from_frame(theirs[IDENTITY]).isin(known)]
    curves, layers = (
        part.merge(new[IDENTITY], on=IDENTITY) for part in (other.curves, other.layers)
    )
    joined = Collected(
        pd.concat([own, new.assign(**{ORIGIN: name})], ignore_index=True),
        pd.concat([pooled.curves, curves], ignore_index=True),
        pd.concat([pooled.layers, layers], ignore_index=True),
    )
    losses = both["final_loss"], both["final_loss_ours"]
    equal = int(((losses[0] == losses[1]) | (losses[0].isna() & losses[1].isna())).sum())
    return joined, Joined(name, len(new), len(both), equal)
