"""Numbers that the records of runs hold of their FLOPs, sizes and settings."""

import math
from collections.abc import Collection

import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context, target_label

INFERENCE, INFERENCE_DENSE = "flops.forward", "flops.forward_dense"
TRAINING, TRAINING_DENSE = "flops.training", "flops.training_dense"
TRAINING_OTHER = "flops.training_sparse_input_gradient"
DENSITY = "average_density"
STEPS = "n_steps"
CUMULATIVE = "training_flops"
"""Curve of the training FLOPs so far, at the evaluations."""
AT_TARGET = "at_target"
"""Curve that is 1 where training was at the strict target, at the evaluations."""


def recorded(context: Context, task: str, recipe: str, target: str, column: str) -> float:
    """Return a number of a cell's record, the largest over its complete runs; NaN without one."""
    return _largest(_complete(context, task, recipe, target), column)


NOT_AT_TARGET = ("removed", "small_dense")
"""Kinds of recipes that keep another model than N:M of the task's own."""


def one_stage_text(context: Context, task: str, recipe: str, target: str) -> str:
    """Return that most layers are too narrow for a recipe's stages; empty where they are not."""
    single, layers = (
        recorded(context, task, recipe, target, name)
        for name in ("one_stage_layers", "pruned_layers")
    )
    if not single > layers / 2:
        return ""
    return (
        f"{context.label(recipe)} has its last stage alone in {single:g} of {layers:g} layers at "
        f"{target_label(target)}: they are narrower than the groups of its other stages"
    )


def of_target(context: Context, task: str, target: str, column: str) -> float:
    """Return a number that the target decides for every recipe that is at it; NaN without one."""
    runs = context.task_runs(task)
    there = (runs["target"] == target) & (runs["status"] == COMPLETE)
    return _largest(runs[there & ~_kinds(runs).isin(NOT_AT_TARGET)], column)


def narrows(context: Context, task: str, recipe: str) -> bool:
    """Return whether a column trains a narrower model than the task's own."""
    runs = context.task_runs(task)
    return bool((_kinds(runs[runs["recipe"] == recipe]) == "small_dense").any())


def _kinds(runs: pd.DataFrame) -> pd.Series:
    return runs["recipe.kind"] if "recipe.kind" in runs else runs["recipe"]


def of_task(context: Context, task: str, column: str) -> float:
    """Return a number that is the same for all runs of a task; NaN without one."""
    runs = context.task_runs(task)
    return _largest(runs[runs["status"] == COMPLETE], column)


def of_dense(context: Context, task: str, column: str) -> float:
    """Return a number of a task's dense runs, such as their steps; of any run where none is dense.

    Columns of equal FLOPs, and dense ones of twice the steps, have other lengths.
    """
    dense = context.column_of(task, DENSE)
    found = recorded(context, task, dense, DENSE, column) if dense else math.nan
    return found if math.isfinite(found) else of_task(context, task, column)


def longest_of(context: Context, task: str, recipes: Collection[str]) -> float:
    """Return the steps of the longest complete run of these columns; NaN without one."""
    runs = context.task_runs(task)
    return _largest(runs[runs["recipe"].isin(recipes) & (runs["status"] == COMPLETE)], STEPS)


def _largest(runs: pd.DataFrame, column: str) -> float:
    if column not in runs:
        return float("nan")
    return float(runs[column].astype("float64").max())


def _complete(context: Context, task: str, recipe: str, target: str) -> pd.DataFrame:
    def find() -> pd.DataFrame:
        runs = context.task_runs(task)
        mine = (runs["recipe"] == recipe) & (runs["target"] == target)
        return runs[mine & (runs["status"] == COMPLETE)]

    return context.remembered(("complete", task, recipe, target), find)
