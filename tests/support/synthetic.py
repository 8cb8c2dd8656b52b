"""Runs and curves made up for tests of collection, tables and figures."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from pgf.analysis.tables.context import Context, make_context
from pgf.analysis.tables.paper_claims import load_claims
from pgf.analysis.tables.published import load_published
from pgf.experiments.settings import AnalysisSettings, PublishedSettings
from pgf.recipes.patterns import Target
from pgf.records.collected import BY_LAYER
from pgf.records.record import SCHEMA
from support import ROOT

PAPER = ROOT / "configs" / "paper"

RECIPES = {
    "dense": "Dense",
    "sr_ste": "SR-STE",
    "sr_ste_dense_start": "SR-STE (dense start)",
    "mdgf_linear": "MdGf-Linear",
    "mdgf_exponential": "MdGf-Exponential",
}
TARGETS = ("1:4(FF)", "1:16(FF)")
STEPS = 90
EVALUATIONS = 6
SHARES = {
    "sr_ste_dense_start": (0.1, 0.0),
    "mdgf_linear": (0.1, 0.3),
    "mdgf_exponential": (0.1, 0.3),
}
"""Shares of training that a recipe is dense and fine-tunes; 0 where it is not here."""
FORWARD, PRUNABLE, PARAMETERS = 3e9, 2e9, 1000
"""FLOPs of a dense forward pass and of its prunable layers; weights, half of them prunable."""
TARGET = "1:16(FF)"
VISION = PublishedSettings(table="2", model="vit_base", metric="top1_percent")
OWN = PublishedSettings(table="2", model="vit_base", metric="top1_percent", same_setup=True)
PUBLISHED, CLAIMS = load_published(PAPER / "tables.csv"), load_claims(PAPER / "claims.yaml")
"""Read once: it takes longer than most tests."""
SIX = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
"""A metric over six seeds, the fewest whose smallest p, 1/32, is below 0.05."""

PLAIN = (
    *("gradient_variance", "gradient_norm", "gradient_cosine", "second_moment_norm"),
    *("second_moment_variance", "noise_variance", "noise_signal"),
)
MASKED = (
    *("gradient_norm_kept", "gradient_norm_pruned", "flip_rate", "cumulative_sad", "kept_mass"),
)


def run_row(
    recipe: str, target: str, seed: int, final: float | None, *, task: str = "toy", **more: Any
) -> dict[str, Any]:
    """Return one row of `runs`; a `final` of None makes it diverged."""
    return {
        "schema": SCHEMA,
        "fingerprint": "f0",
        "code": "c0",
        "torch": "2.10",
        "experiment": "test",
        "task": task,
        "recipe": recipe,
        "recipe_label": RECIPES.get(recipe, recipe),
        "target": target,
        "seed": seed,
        "status": "complete" if final is not None else "diverged",
        "metric": "accuracy",
        "higher_is_better": True,
        "final": final,
        "best": None if final is None else final + 0.5,
        "best_step": STEPS,
        **measures({"accuracy": final, "accuracy_top5": None if final is None else final + 3}),
        "n_steps": STEPS,
        "mixed": False,
        **costs(recipe, target),
        **more,
    }


def measures(values: dict[str, float | None]) -> dict[str, float | None]:
    """Return what a record says of measures: after the last step, and half a point more at best."""
    best = {name: None if value is None else value + 0.5 for name, value in values.items()}
    return {
        **{f"final.{name}": value for name, value in values.items()},
        **{f"best.{name}": value for name, value in best.items()},
    }


def shares(recipe: str) -> tuple[float, float]:
    """Return the shares of training that a recipe is dense and that it fine-tunes."""
    return SHARES.get(recipe, (0.0, 0.0))


def dense_until(recipe: str) -> float:
    """Return the share of training after which steps are cheaper: D = 0, and a pattern."""
    dense, fine_tune = shares(recipe)
    return 1 - fine_tune if fine_tune else dense


def costs(recipe: str, target: str) -> dict[str, Any]:
    """Return what a record says of the cost of a run."""
    density = Target.parse(target).parts[0][1].density if target != "dense" else 1.0
    forward = FORWARD - PRUNABLE * (1 - density)
    dense_run = 3 * FORWARD * 8 * STEPS
    cheap = 1 - dense_until(recipe)
    saved = 2 * PRUNABLE * (1 - density) * 8 * STEPS
    kept = PARAMETERS * (1 + density) / 2
    return {
        "recipe.dense": shares(recipe)[0],
        "recipe.fine_tune": shares(recipe)[1],
        "training.batch_size": 8,
        "training.steps": STEPS,
        "train_samples": 83,
        "flops.forward_dense": FORWARD,
        "flops.forward": forward,
        "flops.training_dense": dense_run,
        "flops.training": dense_run - cheap * saved,
        "flops.training_sparse_input_gradient": dense_run - 1.5 * cheap * saved,
        **{"parameters": PARAMETERS, "parameters_kept": int(kept)},
        "bytes_dense": 2 * PARAMETERS,
        "bytes": int(2.5 * kept) if density < 1 else 2 * PARAMETERS,
    }


def runs_frame(
    finals: dict[tuple[str, str], list[float | None]], *, task: str = "toy", **more: Any
) -> pd.DataFrame:
    """Return `runs` from (recipe, target) -> the metric by seed, seeds counted from 0."""
    rows = [
        run_row(recipe, target, seed, final, task=task, **more)
        for (recipe, target), values in finals.items()
        for seed, final in enumerate(values)
    ]
    return pd.DataFrame(rows)


def curve_rows(run: dict[str, Any], name: str, values: list[float], reference: str = "") -> Any:
    """Return the samples of one statistic of a run, evenly spaced from step 1."""
    steps = np.linspace(1, STEPS, len(values)).astype(int)
    keys = {key: run[key] for key in ("task", "recipe", "target", "seed")}
    return pd.DataFrame(
        {**keys, "step": steps, "name": name, "layer": "overall", "reference": reference}
        | {"value": values}
    )


def curves_for(runs: pd.DataFrame, *, targets: tuple[str, ...] = TARGETS) -> pd.DataFrame:
    """Return every statistic of every run, smooth in time, different for each recipe and mask."""
    time = np.linspace(0, 1, 13)
    steps = np.linspace(1, STEPS, 13).astype(int)
    names = list(runs["recipe"].unique())
    parts = []
    for run in runs.to_dict("records"):
        keys = tuple(run[key] for key in ("task", "recipe", "target", "seed"))
        rng = np.random.default_rng([run["seed"], names.index(run["recipe"])])
        level = (1.0 + names.index(run["recipe"])) * rng.lognormal(0, 0.1)
        parts += evaluation_rows(run)
        for i, name in enumerate((*PLAIN, "loss")):
            values = level * 10.0**-i * np.exp(-2 * time)
            parts += [
                (*keys, *point, name, "overall", "") for point in zip(steps, values, strict=True)
            ]
        own = targets if run["target"] == "dense" else (run["target"],)
        for k, reference in enumerate(own, start=1):
            for i, name in enumerate(MASKED):
                values = k * level * 0.1 * (i + 1) * (1 + time)
                parts += [
                    (*keys, *point, name, "overall", reference)
                    for point in zip(steps, values, strict=True)
                ]
    columns = ["task", "recipe", "target", "seed", "step", "value", "name", "layer", "reference"]
    return pd.DataFrame(parts, columns=columns)


def layers_of(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the curves of two layers, the second with twice the values of the first."""
    own = curves[curves["name"].isin(BY_LAYER)]
    layers = [own.assign(layer=f"blocks.{i}.fc1", value=(i + 1) * own["value"]) for i in range(2)]
    return pd.concat(layers, ignore_index=True)


def evaluation_rows(run: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a run's evaluations: metric, training FLOPs so far, at target or not."""
    keys = tuple(run[key] for key in ("task", "recipe", "target", "seed"))
    start, dense_run = dense_until(run["recipe"]), run["flops.training_dense"]
    saving = (dense_run - run["flops.training"]) / max(1 - start, 1e-9)
    rows = []
    for i in range(1, EVALUATIONS + 1):
        time = i / EVALUATIONS
        final = np.nan if run["final"] is None else run["final"]
        values = {
            run["metric"]: final - 20 * (1 - time),
            "training_flops": time * dense_run - max(0.0, time - start) * saving,
            "at_target": float(run["target"] == "dense" or time > start),
        }
        step = round(STEPS * time)
        rows += [(*keys, step, value, name, "overall", "") for name, value in values.items()]
    return rows


def grid(*, seeds: int = 6, task: str = "toy", targets: tuple[str, ...] = TARGETS) -> Any:
    """Return runs of all recipes at all targets, with noise that pairs share by seed."""
    finals: dict[tuple[str, str], list[float | None]] = {}
    for i, recipe in enumerate(RECIPES):
        for j, target in enumerate(("dense",) if recipe == "dense" else targets):
            shared = np.random.default_rng(1).normal(0, 0.5, seeds)
            own = np.random.default_rng([i, j]).normal(0, 0.1, seeds)
            finals[recipe, target] = list(90 - 5 * j + 0.3 * i + shared + own)
    return runs_frame(finals, task=task)


FREE = ("recipe.", "training.", "flops.", "train_samples", "parameters", "bytes")
CURVES_OF_COST = ("training_flops", "pattern_density", "at_target")


def without_costs(made: Context) -> Context:
    """Return a context as of runs from before costs and phases were recorded."""
    columns = [c for c in made.runs.columns if c.startswith(FREE)]
    known = ~made.curves["name"].isin(CURVES_OF_COST)
    return replace(made, runs=made.runs.drop(columns=columns), curves=made.curves[known])


def context(runs: pd.DataFrame | None = None, **analysis: Any) -> Context:
    """Return a context with the paper's numbers and claims."""
    runs = grid() if runs is None else runs
    settings = {"baselines": ("sr_ste",), "published": {"toy": (VISION,)}, **analysis}
    targets = tuple(t for t in runs["target"].unique() if t != "dense")
    curves = curves_for(runs, targets=targets)
    return make_context(
        runs,
        curves,
        AnalysisSettings(**settings),
        published=PUBLISHED,
        claims=CLAIMS,
        families={task: (task,) for task in runs["task"].unique()},
        layers=layers_of(curves),
    )


def small(finals: dict[str, list[Any]], **analysis: Any) -> Context:
    """Return a context of recipes at one target, from recipe -> the metric by seed."""
    runs = runs_frame({(recipe, TARGET): values for recipe, values in finals.items()})
    return context(runs, **analysis)
