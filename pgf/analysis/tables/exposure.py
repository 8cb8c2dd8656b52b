"""Training that is left once a recipe is as sparse as its target: its steps and learning rate."""

import numpy as np

from pgf.analysis.tables.context import Context
from pgf.analysis.tables.curves import by_seed

ROUNDING = 1e-9


def at_target(context: Context, task: str, recipe: str, target: str) -> tuple[float, float] | None:
    """Return the shares of steps and of the summed learning rate spent as sparse as the target.

    There D is 0 and no denser pattern holds than at the end. Taken at the sampled steps; None
    where pattern, D or learning rate were not sampled.
    """
    density, decay, rate = (
        by_seed(context, task, recipe, target, name).mean(axis="columns")
        for name in ("pattern_density", "mask_decay", "learning_rate")
    )
    steps = density.index.intersection(decay.index).intersection(rate.index)
    if steps.empty:
        return None
    there = (density[steps] <= density[steps].iloc[-1] + ROUNDING) & (decay[steps] <= ROUNDING)
    whole = float(rate[steps].sum())
    spent = float(rate[steps][there].sum())
    return float(np.mean(there)), spent / whole if whole else 0.0
