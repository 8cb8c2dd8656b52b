"""Means on validation data by which settings are chosen; each config's head gives the rule."""

import pandas as pd

from pgf.errors import UserError


def mean_by_task(runs: pd.DataFrame) -> pd.Series:
    """Return the mean last metric over all runs of each task, the best first."""
    _refuse_diverged(runs)
    ascending = not bool(runs["higher_is_better"].iloc[0])
    return runs.groupby("task")["final"].mean().sort_values(ascending=ascending)


def mean_by_dense_share(runs: pd.DataFrame, *, task: str) -> pd.Series:
    """Return the mean last metric of one task's sparse runs by dense share, the best first.

    Only recipes that the experiment runs at more than one share above 0 enter.
    """
    own = runs[(runs["task"] == task) & (runs["target"] != "dense") & (runs["recipe.dense"] > 0)]
    shares = own.groupby("recipe.kind")["recipe.dense"].nunique()
    varied = own[own["recipe.kind"].isin(shares[shares > 1].index)]
    ascending = not bool(runs["higher_is_better"].iloc[0])
    return varied.groupby("recipe.dense")["final"].mean().sort_values(ascending=ascending)


def describe_selection(runs: pd.DataFrame) -> str:
    """Return both means as text."""
    tasks = mean_by_task(runs)
    shares = mean_by_dense_share(runs, task=str(tasks.index[0]))
    metric = runs["metric"].iloc[0]
    lines = [f"mean {metric} over all runs, by task:"]
    lines += [f"  {name:<16}{value:8.2f}" for name, value in tasks.items()]
    lines += [f"at {tasks.index[0]}, by dense share:"] if len(shares) else []
    lines += [f"  {share:<16}{value:8.2f}" for share, value in shares.items()]
    return "\n".join(lines)


def _refuse_diverged(runs: pd.DataFrame) -> None:
    if (runs["status"] != "complete").any():
        raise UserError("some runs diverged: a mean over the others would not compare")
