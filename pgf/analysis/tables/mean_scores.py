"""The mean metric of every recipe at every target, as numbers and as texts."""

from dataclasses import dataclass

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.admission import grade_of
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.judgement import BETTER
from pgf.analysis.tables.losses import losses_of
from pgf.analysis.tables.model import NO_RUN
from pgf.analysis.tables.papers_effects import compared
from pgf.analysis.tables.published import PublishedNumber, published_numbers
from pgf.analysis.tables.scores import LAST, scores_of
from pgf.analysis.tables.shares import own_recipes
from pgf.analysis.tables.wording import score_text


@dataclass(frozen=True)
class MeanScore:
    """The metric of a recipe at a target over its seeds."""

    interval: Interval
    diverged: int
    best: bool
    published: PublishedNumber | None
    """The paper's number; None where it has none."""


MeanScores = dict[tuple[str, str], MeanScore]
"""(target, recipe) -> the mean there."""


def mean_scores(context: Context, task: str, view: str) -> MeanScores:
    """Return the means of a task by one column of its runs, `LAST` or `BEST`."""
    scores = scores_of(context, task, view)
    published = published_numbers(context, task)
    found = {}
    for target in context.targets_of(task):
        # A best epoch is a maximum over evaluations, more of them for some recipes: not tested.
        best = _supported_best(context, task, target) if view == LAST else None
        for recipe in context.columns_of(task):
            values = scores.of(recipe, target).to_numpy()
            diverged = scores.diverged_in(recipe, target)
            if values.size or diverged:
                found[target, recipe] = MeanScore(
                    interval=mean_interval(values, confidence=context.analysis.confidence),
                    diverged=diverged,
                    best=recipe == best,
                    published=published.get((target, recipe)) or published.get((DENSE, recipe)),
                )
    return found


def _supported_best(context: Context, task: str, target: str) -> str | None:
    """Return the recipe that the decision rule finds better than every other of its row.

    None where there is none, or where the task does not grade. The random mask and the removed
    layers are no recipes to recommend.
    """
    losses = losses_of(context, task)
    means = {
        recipe: float(values.mean())
        for recipe in own_recipes(context, task)
        if (values := losses.of(recipe, target)).size
    }
    if len(means) < 2 or not grade_of(context, task, target).grades:
        return None
    best = min(means, key=lambda recipe: means[recipe])
    found = (_verdict(context, task, best, other, target) for other in means if other != best)
    return best if all(verdict == BETTER for verdict in found) else None


def _verdict(context: Context, task: str, recipe: str, control: str, target: str) -> str:
    return compared(context, task, recipe, control, target).verdict


def mean_score_text(score: MeanScore | None, decimals: int, usual: int) -> str:
    """Return a mean as text; n stands in it where it is not the `usual` one."""
    if score is None:
        return NO_RUN.text
    return score_text(score.interval, decimals, usual, diverged=score.diverged)
