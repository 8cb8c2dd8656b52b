"""Two tasks of different recipes, targets, seeds and measures, made up."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import Context
from pgf.experiments.settings import PublishedSettings
from support.synthetic import VISION, context, grid, measures, run_row

WORDS = ("dense", "sr_ste", "mdgf_linear", "sdgf_stepwise")
"""Recipes of the second task of `two_grids`; the last is of that task alone."""
WORDS_TARGETS = ("1:16(FF)", "1:64(FF)")


def words(*, seeds: int = 3) -> pd.DataFrame:
    """Return runs of a translation, of other recipes, targets, seeds and measures than `grid`'s."""
    parts = []
    for i, recipe in enumerate(WORDS):
        for j, target in enumerate(("dense",) if recipe == "dense" else WORDS_TARGETS):
            for seed in range(seeds):
                values = {"token_accuracy": 70.0 + i - j + 0.1 * seed, "bleu": 30.0 + i - seed}
                row = run_row(recipe, target, seed, values["token_accuracy"], task="words")
                row |= {"final.accuracy": None, "final.accuracy_top5": None}
                row |= {"best.accuracy": None, "best.accuracy_top5": None}
                row |= {"metric": "token_accuracy", **measures(values)}
                parts.append(row | {"measure_signature.bleu": "tok:13a|version:2"})
    return pd.DataFrame(parts)


TRANSLATION = PublishedSettings(
    table="5", model="encdec_wmt", metric="token_accuracy", same_setup=True
)


def two_grids(*, shorter: int = 1, **analysis: Any) -> Context:
    """Return a context of two tasks that share some recipes and a target.

    Args:
        shorter: how many times fewer steps the second task trains.
        analysis: settings of the analysis.
    """
    runs = pd.concat([grid(), words()], ignore_index=True)
    published = {"toy": (VISION,), "words": (TRANSLATION,)}
    made = context(runs, **{"published": published, **analysis})
    fewer = np.where(made.curves["task"] == "words", shorter, 1)
    curves = made.curves.assign(step=-(-made.curves["step"] // fewer))
    less = np.where(runs["task"] == "words", shorter, 1)
    return replace(made, curves=curves, runs=runs.assign(n_steps=runs["n_steps"] // less))
