"""The table of a results page that says how each column was trained."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from pgf.analysis.tables.context import DENSE, Context, target_label
from pgf.analysis.tables.exposure import at_target
from pgf.analysis.tables.model import Block, Section, row
from pgf.analysis.tables.recorded import narrows
from pgf.analysis.tables.wording import recipe_notes
from pgf.recipes import find_recipe

OF_ALL = {
    "training.steps": "{} steps",
    "training.batch_size": "batches of {}",
    "training.optimizer": "{}",
    "training.schedule": "{} schedule",
    "training.warmup": "warm-up {}",
    "training.weight_decay": "weight decay {}",
    "training.label_smoothing": "label smoothing {}",
}
"""Settings that the heading of a task gives -> their words."""
RATE = "training.learning_rate"
FAR = 10.0
"""Times dense's rate from which on a rate is remarked on."""
TUNED_LAMBDA, LAMBDA = "sr_ste", "recipe.lambda_w"
OF_COLUMNS = ("recipe.kind", "recipe.gradient", "recipe.dense", "recipe.fine_tune")
CAPTION = (
    "Shares of training: dense, before the first pruning step; fine-tuned, at the end, with the "
    "target's pattern and D = 0. Steps at the target: those at which the model is as sparse as "
    "the target, with D = 0. Beside them their share of the learning rate, summed over steps: "
    "little is learned where little of it is left. A straight-through gradient reaches pruned "
    "weights; under the chain rule it is cut as the forward pass is."
)


def tuned_lambdas(context: Context) -> str:
    """Return that SR-STE's lambda was tuned; empty without SR-STE."""
    runs = context.runs
    is_there = "recipe.kind" in runs and (runs["recipe.kind"] == TUNED_LAMBDA).any()
    return "SR-STE one of three lambdas" if is_there else ""


def lambdas_at_end(context: Context) -> str:
    """Return in how many cells the smallest or largest lambda won: `4 of 4`; empty if in none."""
    runs = context.runs
    if not {"recipe.kind", LAMBDA} <= set(runs):
        return ""
    own = runs[runs["recipe.kind"] == TUNED_LAMBDA]
    chosen = own.groupby(["task", "recipe", "target"])[LAMBDA].first()
    low, high = (o["lambda_w"] for o in find_recipe(TUNED_LAMBDA).refinements({}))
    tried = (low, math.sqrt(low * high), high)
    if not all(any(math.isclose(value, one) for one in tried) for value in chosen):
        return ""  # the config has another lambda, around which others were tried
    at_end = sum(not math.isclose(value, tried[1]) for value in chosen)
    return f"{at_end} of {len(chosen)}" if at_end else ""


def training_sections(context: Context, *, is_tuned: bool) -> Iterator[Section]:
    """Yield the section of the page, where the runs say how they were trained."""
    if {RATE, *OF_COLUMNS} <= set(context.runs.columns):
        blocks = tuple(_block(context, task) for task in context.judged_tasks)
        notes = [
            note
            for task in context.judged_tasks
            for note in (
                *recipe_notes(context, task),
                *(_far_rates(context, task) if is_tuned else ()),
            )
        ]
        yield Section("How they were trained", blocks, CAPTION, tuple(notes))


def _far_rates(context: Context, task: str) -> Iterator[str]:
    """Yield which recipes that prune after training have rates far above dense's."""
    runs, dense = context.task_runs(task), context.column_of(task, DENSE)
    rates = runs.groupby("recipe")[RATE]
    if dense is None:
        return
    above = rates.min() / runs.loc[runs["recipe"] == dense, RATE].min()
    own = runs.groupby("recipe")["recipe.dense"].min() == 1.0
    if far := [c for c in context.columns_of(task) if own[c] and above[c] >= FAR and c != dense]:
        times = dict.fromkeys(f"{above[far].agg(end):.0f}" for end in ("min", "max"))
        yield (
            f"{task}: pruned after training, at rates chosen by the loss after pruning, which is "
            f"least at {' to '.join(times)} times dense's rate: "
            f"{', '.join(map(context.label, far))}."
        )


def _block(context: Context, task: str) -> Block:
    runs, targets = context.task_runs(task), context.targets_of(task)
    said = [
        words.format(_values(runs[name]))
        for name, words in OF_ALL.items()
        if name in runs and _values(runs[name]) not in ("", "0")
    ]
    if {"train_samples", "training.batch_size"} <= set(runs.columns):
        epochs = runs["n_steps"] * runs["training.batch_size"] / runs["train_samples"]
        said.insert(1, f"{epochs.median():.2g} epochs")
    options = [
        name
        for name in runs.columns
        if name.startswith("recipe.") and name not in OF_COLUMNS and runs[name].notna().any()
    ]
    rows = []
    for recipe in context.columns_of(task):
        own = runs[runs["recipe"] == recipe]
        is_sparse = bool((own["target"] != DENSE).any()) and not narrows(context, task, recipe)
        rates = [own.loc[own["target"].isin([target, DENSE]), RATE] for target in targets]
        rows.append(
            row(
                context.label(recipe),
                _values(own["recipe.gradient"]).replace("_", "-") if is_sparse else "-",
                _percent(own["recipe.dense"]) if is_sparse else "-",
                _percent(own["recipe.fine_tune"]) if is_sparse else "-",
                *(_left(context, task, recipe, targets) if is_sparse else ("-", "-")),
                "; ".join(f"{o[7:]} {_values(own[o])}" for o in options if _values(own[o])) or "-",
                *map(_values, rates),
            )
        )
    left = ("steps at the target", "learning rate left for them")
    header = ("recipe", "gradient", "dense", "fine-tuned", *left, "options")
    columns = [f"learning rate, {target_label(target)}" for target in targets]
    title = f"{task}: {', '.join(said)}"
    return Block((*header, *columns), tuple(rows), title=title, text_columns=(0, 1, 6))


def _left(context: Context, task: str, recipe: str, targets: Sequence[str]) -> tuple[str, str]:
    """Return the shares of steps and of the learning rate at the target, over targets."""
    found = [at_target(context, task, recipe, target) for target in targets]
    shares = [share for share in found if share is not None]
    if not shares:
        return "-", "-"
    steps, rates = (
        ", ".join(dict.fromkeys(f"{100 * share:.0f}%" for share in part))
        for part in zip(*shares, strict=True)
    )
    return steps, rates


def _values(values: "pd.Series[Any]") -> str:
    """Return the values that a setting has, each once."""
    known = dict.fromkeys(values.dropna())
    return ", ".join(v if isinstance(v, str) else f"{v:.3g}" if v < 1 else f"{v:g}" for v in known)


def _percent(shares: "pd.Series[float]") -> str:
    return _values(100 * shares.round(4)) + "%"
