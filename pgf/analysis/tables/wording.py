"""Numbers and remarks as tables print them."""

import math
from collections.abc import Sequence

import numpy as np

from pgf.analysis.statistics import Interval
from pgf.analysis.tables.context import COMPLETE, DENSE, Context, target_label
from pgf.analysis.tables.recorded import one_stage_text
from pgf.experiments import AnalysisSettings

NAMED_RUNS = 4
"""Missing runs that a note names before it only counts."""
SMALL_SCALE = "small-scale, neither a confirmation of the paper nor a refutation"


def decimals_for(intervals: Sequence[Interval]) -> int:
    """Return the decimals that show one digit of the usual half-width; at least one."""
    halves = [i.half_width for i in intervals if i.half_width > 0]
    if halves:
        return min(max(1, -math.floor(math.log10(float(np.median(halves))))), 4)
    sizes = [abs(i.estimate) for i in intervals if math.isfinite(i.estimate)]
    return 1 if not sizes or max(sizes) > 1.5 else 3


def gain_decimals(intervals: Sequence[Interval]) -> int:
    """Return the decimals that show two digits of the usual half-width of gains."""
    return decimals_for(intervals) + 1


def with_half_width(interval: Interval, decimals: int) -> str:
    """Return `95.3 ± 0.4`; the mean alone where one run gives no interval."""
    text = f"{interval.estimate:z.{decimals}f}"
    if math.isnan(interval.low):
        return text
    return f"{text} ± {interval.half_width:.{decimals}f}"


def score_text(
    interval: Interval, decimals: int, usual: int, *, diverged: int, nothing: str = ""
) -> str:
    """Return a mean with its half-width, n where it is not the `usual` one, and diverged runs.

    `nothing` stands for the mean where no run gives one.
    """
    text = with_half_width(interval, decimals) if interval.n else nothing
    text += f" (n={interval.n})" if interval.n not in (0, usual) else ""
    text += f" †{diverged}" if diverged else ""
    return text.strip()


def with_limits(interval: Interval, decimals: int) -> str:
    """Return a difference with its interval: `+0.42 [-0.10, +0.94]`."""
    text = f"{interval.estimate:+z.{decimals}f}"
    if math.isnan(interval.low):
        return text
    return f"{text} [{interval.low:+z.{decimals}f}, {interval.high:+z.{decimals}f}]"


def scientific(value: float) -> str:
    """Return two significant digits without a padded exponent: `4.2e-5`."""
    if not math.isfinite(value):
        return "-"
    if value == 0 or 0.01 <= abs(value) < 100:
        return f"{value:#.2g}".rstrip(".")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def p_text(p: float) -> str:
    """Return a p value with two significant digits."""
    return "-" if math.isnan(p) else f"{p:.2g}"


def capitalized(text: str) -> str:
    """Return a text with its first letter in capitals, the others as they are."""
    return text[:1].upper() + text[1:]


def better(context: Context, task: str) -> str:
    """Return which values of a task's metric are better: `higher`, or `lower`."""
    return "higher" if context.metric(task)[1] else "lower"


def percent(analysis: AnalysisSettings) -> str:
    """Return the level of the intervals: `95%`."""
    return f"{100 * analysis.confidence:g}%"


def percent_text(share: float) -> str:
    """Return a share in percent: `25%`, or a dash where it is not known."""
    return f"{100 * share:.0f}%" if math.isfinite(share) else "-"


def usual_count(counts: Sequence[int]) -> int:
    """Return the number of seeds of most cells, the larger of two as frequent ones; 0 for none."""
    return max(counts, key=lambda n: (counts.count(n), n), default=0)


def seeds_text(counts: Sequence[int], elsewhere: str) -> str:
    """Return `n = 8 seeds in every cell`, else where the exceptions stand."""
    usual = usual_count(counts)
    text = f"n = {usual} seed{'s' if usual != 1 else ''}"
    return f"{text} in every cell" if len(set(counts)) <= 1 else f"{text} unless {elsewhere}"


def _names(context: Context, cells: Sequence[tuple[str, str, int]]) -> str:
    named = []
    for recipe, target, seed in cells[:NAMED_RUNS]:
        where = "" if target == DENSE else f" {target_label(target)}"
        named.append(f"{context.label(recipe)}{where} seed {seed}")
    more = len(cells) - NAMED_RUNS
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def common_notes(context: Context, task: str, *, judged: bool = False) -> tuple[str, ...]:
    """Return the settings of a task's recipes, and what `run_notes` says of its runs."""
    return (*settings_notes(context, task), *run_notes(context, task, judged=judged))


def run_notes(context: Context, task: str, *, judged: bool) -> list[str]:
    """Return what a reader must know of a task's runs: missing and diverged ones, mixtures.

    Args:
        context: the runs.
        task: the task.
        judged: whether diverged runs count, as the worst of their target.
    """
    runs = context.task_runs(task)
    notes = []
    if missing := context.missing(task):
        notes.append(
            f"Incomplete: only {len(runs)} of {len(runs) + len(missing)} runs are there; missing: "
            f"{_names(context, missing)}."
        )
    if absent := [f"`{name}`" for name in context.planned if name not in context.tasks]:
        notes.append(f"Incomplete: no run is there of {', '.join(absent)}.")
    failed = (runs["status"] != COMPLETE) | runs["final"].isna()
    if diverged := int(failed.sum()):
        notes.append(
            f"†k: k runs of the cell diverged ({diverged} in all) and "
            f"{'count as the worst of their target' if judged else 'are not in the numbers'}."
        )
    if "mixed" in runs and (mixed := int(runs["mixed"].astype(bool).sum())):
        notes.append(
            f"Mixture: {mixed} of {len(runs)} runs were made with other settings, code or torch "
            "than the rest."
        )
    cells = [(r, t) for t in context.targets_of(task) for r in context.sparse_recipes(task)]
    narrow = (one_stage_text(context, task, *cell) for cell in cells)
    return [*notes, *(f"{text}." for text in narrow if text)]


def settings_notes(context: Context, task: str) -> tuple[str, ...]:
    """Return which gradient rule each sparse recipe used, and its shares of training."""
    return context.remembered(("settings", task), lambda: _settings_notes(context, task))


def _settings_notes(context: Context, task: str) -> tuple[str, ...]:
    runs = context.task_runs(task)
    wanted = {"recipe.gradient", "recipe.dense", "recipe.fine_tune"}
    if not wanted <= set(runs.columns):
        return ()
    said = []
    for recipe in context.sparse_recipes(task):
        first = runs[(runs["recipe"] == recipe) & (runs["target"] != DENSE)].iloc[0]
        parts = [str(first["recipe.gradient"]).replace("_", "-")]
        for share, name in (("recipe.dense", "dense"), ("recipe.fine_tune", "fine-tuned")):
            parts += [f"{name} {100 * float(first[share]):g}%"] if first[share] else []
        said.append(f"{context.label(recipe)}: {', '.join(parts)}")
    return (f"Gradient rule and shares of training. {'; '.join(said)}.",)


def no_longest(task: str) -> str:
    """Return that a longest length has no run, so that nothing is judged in its place."""
    return f"Incomplete: no run is there of `{task}`, the longest length, which is judged."


def recipe_notes(context: Context, task: str) -> tuple[str, ...]:
    """Return what recipes remark on their layers: where they could not do what they are set to."""
    runs = context.task_runs(task)
    if "notes" not in runs:
        return ()
    said = runs[runs["notes"].fillna("") != ""]
    return tuple(
        f"{context.label(str(recipe))}, {target_label(str(target))}: {text}."
        for recipe, target, text in said[["recipe", "target", "notes"]]
        .drop_duplicates()
        .itertuples(index=False)
    )


def scale_text(context: Context, task: str) -> str:
    """Return the remark that a task is not the paper's; empty where it is."""
    return "" if context.has_same_setup(task) else f" This task is {SMALL_SCALE}."
