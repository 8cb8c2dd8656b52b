"""Several experiments as one, for a leaderboard over all of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from pgf.analysis.tables.context import Context, make_context
from pgf.errors import UserError
from pgf.experiments import AnalysisSettings

RULE = ("alpha", "confidence", "margin", "measure")
"""Settings by which runs are judged, the same in all experiments that are merged."""


def merge_contexts(contexts: Mapping[str, Context]) -> Context:
    """Return one context of several experiments: their tasks beside each other, recipes by role.

    A task is called `experiment/task`, and a column by its role, so that `sr_ste` of one experiment
    is `sr_ste` of all.

    Args:
        contexts: experiment -> its context; one at least.

    Raises:
        UserError: two experiments are judged by different rules.
    """
    first, one = next(iter(contexts.items()))
    for name, context in contexts.items():
        for key in RULE:
            values = [getattr(c.analysis, key) for c in (one, context)]
            if values[0] != values[1]:
                raise UserError(
                    f"{first} and {name} are judged by different rules: {key} {values[0]} and "
                    f"{values[1]}; a leaderboard takes experiments of one rule"
                )
    parts = [_renamed(name, context) for name, context in contexts.items()]
    return make_context(
        pd.concat([part.runs for part in parts], ignore_index=True),
        pd.concat([part.curves for part in parts], ignore_index=True),
        _merged_analysis(parts),
        published=one.published,
        recipes=_labelled(parts),
        targets=list(dict.fromkeys(target for part in parts for target in part.targets)),
        planned=_union(part.planned for part in parts),
        families=_union(part.families for part in parts),
        trials=_union(part.trials for part in parts),
    )


def _labelled(parts: list[Context]) -> list[tuple[str, str]]:
    """Return (role, label) of all recipes; roles that share a label have theirs behind it."""
    labels: dict[str, str] = {}
    for part in parts:
        for role, label in part.recipes:
            labels.setdefault(role, label)
    shared = Counter(labels.values())
    return [
        (role, f"{label} ({role})" if shared[label] > 1 else label)
        for role, label in labels.items()
    ]


def _renamed(experiment: str, context: Context) -> Context:
    """Return a context with its tasks called by the experiment too, and its columns by role."""
    role_of = {column: role for role, column in context.roles.items()}

    def task(name: str) -> str:
        return f"{experiment}/{name}"

    def role(column: str) -> str:
        return role_of.get(column, column)

    def frame(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(task=rows["task"].map(task), recipe=rows["recipe"].map(role))

    own = context.analysis
    return replace(
        context,
        runs=frame(context.runs),
        curves=frame(context.curves),
        recipes=tuple((role(name), label) for name, label in context.recipes),
        analysis=replace(
            own,
            baselines=(),
            published={task(name): entries for name, entries in own.published.items()},
            same_setup=tuple(map(task, own.same_setup)),
        ),
        planned={
            task(name): tuple((role(column), target, seed) for column, target, seed in cells)
            for name, cells in context.planned.items()
        },
        families={task(name): tuple(map(task, own)) for name, own in context.families.items()},
        trials={(task(t), role(c), target): n for (t, c, target), n in context.trials.items()},
    )


def _merged_analysis(parts: list[Context]) -> AnalysisSettings:
    return replace(
        parts[0].analysis,
        about="",
        figure_targets=(),
        published=_union(part.analysis.published for part in parts),
        same_setup=tuple(name for part in parts for name in part.analysis.same_setup),
    )


def _union(mappings: Any) -> dict[Any, Any]:
    return {key: value for mapping in mappings for key, value in mapping.items()}
