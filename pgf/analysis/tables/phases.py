"""Means of the gradient statistics by thirds of training."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import COMPLETE, DENSE, Context
from pgf.recipes import Target

HEADINGS = {
    "gradient_variance": "gradient variance over entries",
    "gradient_norm": "gradient norm",
    "gradient_norm_kept": "gradient norm, kept weights",
    "gradient_norm_pruned": "gradient norm, pruned weights",
    "gradient_cosine": "cosine of successive gradients",
    "second_moment_norm": "norm of AdamW's v",
    "second_moment_norm_running": "running average of that norm",
    "second_moment_variance": "variance of AdamW's v",
    "second_moment_variance_running": "running average of that variance",
    "noise_variance": "gradient noise, trace of covariance",
    "noise_signal": "squared norm of mean gradient",
    "noise_to_signal": "noise to signal",
    "flip_rate": "flip rate of the mask",
    "cumulative_sad": "cumulative mask change (SAD)",
    "kept_mass": "share of weight magnitude kept",
}
"""Statistic -> heading, in the order of the rows; `noise_to_signal` and `*_running` are derived."""
NOISE_TO_SIGNAL = ("noise_variance", "noise_signal")
"""The statistics whose ratio, of means over seeds, is `noise_to_signal`."""

RUNNING = ("second_moment_norm", "second_moment_variance")
"""Statistics whose running average, over all samples so far, the paper looks at."""

THIRDS = ("early", "middle", "late")
WHOLE = "whole"
KEYS = ["task", "recipe", "target", "seed"]


def phases_of(context: Context) -> pd.DataFrame:
    """Return the phase means of all runs of a context."""
    return context.remembered("phases", lambda: phase_means(context.runs, context.curves))


def phase_means(runs: pd.DataFrame, curves: pd.DataFrame) -> pd.DataFrame:
    """Return the mean over samples of every statistic in every phase of every complete run.

    Columns: task, recipe, target, seed, reference, name, phase, value. Phases are the thirds of
    training, by step / n_steps, and `whole`.
    """
    complete = runs.loc[runs["status"] == COMPLETE, [*KEYS, "n_steps"]]
    curves = pd.concat([curves, running(curves)], ignore_index=True)
    known = curves[curves["name"].isin(list(HEADINGS)) & np.isfinite(curves["value"])]
    samples = known.merge(complete, on=KEYS, how="inner")
    samples["phase"] = thirds_of(samples["step"], samples["n_steps"])
    group = [*KEYS, "reference", "name"]
    parts = [
        samples.groupby([*group, "phase"], as_index=False)["value"].mean(),
        samples.groupby(group, as_index=False)["value"].mean().assign(phase=WHOLE),
    ]
    means: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return means


def thirds_of(steps: pd.Series, of: "pd.Series | int") -> np.ndarray:
    """Return the third that each step lies in, of that many steps."""
    return np.array(THIRDS)[(3 * steps / of).clip(upper=2).astype("int64").to_numpy()]


def is_before_pruning(context: Context, task: str, recipe: str, name: str, phase: str) -> bool:
    """Return whether all samples of a statistic in a phase are of steps at which a recipe is dense.

    Such samples say nothing of the recipe: until it prunes, it is dense training.
    """
    key = ("is_before_pruning", task, recipe, name, phase)
    return context.remembered(key, lambda: _is_before_pruning(context, task, recipe, name, phase))


def _is_before_pruning(context: Context, task: str, recipe: str, name: str, phase: str) -> bool:
    runs = context.task_runs(task)
    own = runs[runs["recipe"] == recipe]
    if "recipe.dense" not in own or own.empty:
        return False
    curves = context.curves
    chosen = (curves["task"] == task) & (curves["recipe"] == recipe) & (curves["name"] == name)
    steps, length = curves.loc[chosen, "step"], int(own["n_steps"].iloc[0])
    inside = steps if phase == WHOLE else steps[thirds_of(steps, length) == phase]
    return bool(len(inside) and inside.max() < length * own["recipe.dense"].fillna(0).iloc[0])


def running(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the running averages of `RUNNING`, over all samples so far of each run."""
    chosen = curves[curves["name"].isin(RUNNING)].sort_values("step", kind="stable")
    groups = chosen.groupby([*KEYS, "reference", "name"], sort=False)["value"]
    running = groups.cumsum() / (groups.cumcount() + 1)
    return chosen.assign(value=running, name=chosen["name"] + "_running")


def values_by_seed(
    means: pd.DataFrame, *, task: str, recipe: str, target: str, name: str, phase: str
) -> pd.Series:
    """Return a statistic by seed, sorted by seed; empty where there is none.

    A dense run has no target of its own: it gives the statistic against `target`'s mask.
    """
    chosen = means[
        (means["task"] == task)
        & (means["recipe"] == recipe)
        & means["target"].isin([target, DENSE])
        & means["reference"].isin(["", target])
        & (means["name"] == name)
        & (means["phase"] == phase)
    ]
    return chosen.set_index("seed")["value"].sort_index()


def nearest_target(targets: Sequence[str], *, density: float = 1 / 16) -> str | None:
    """Return the target whose sparsest pattern has a density nearest to `density`, in ratio."""

    def distance(target: str) -> float:
        densities = [pattern.density for _, pattern in Target.parse(target).parts]
        return abs(math.log(min(densities) / density))

    return min(targets, key=distance, default=None)
