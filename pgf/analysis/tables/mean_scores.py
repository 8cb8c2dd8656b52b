"""The mean metric of every recipe at every target, as numbers and as texts."""

from dataclasses import dataclass

from pgf.analysis.statistics import Interval, mean_interval
from pgf.analysis.tables.comparisons import LAST, Scores, compare_family, paired_values, scores_of
from pgf.analysis.tables.context import DENSE, Context
from pgf.analysis.tables.model import NO_RUN
from pgf.analysis.tables.published import PublishedNumber, published_numbers
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
        best = _supported_best(context, task, scores, target) if view == LAST else None
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


def _supported_best(context: Context, task: str, scores: Scores, target: str) -> str | None:
    """Return the recipe that the decision rule finds better than every other of its row."""
    sign = 1.0 if context.metric(task)[1] else -1.0
    means = {
        recipe: sign * float(values.mean())
        for recipe in context.sparse_recipes(task)
        if (values := scores.of(recipe, target)).size
    }
    if len(means) < 2:
        return None
    best = max(means, key=lambda recipe: means[recipe])
    family = [
        (target, sign * paired_values(scores.of(best, target), scores.of(other, target)))
        for other in means
        if other != best
    ]
    found = compare_family(family, context.analysis)
    return best if all(c.verdict == "above" for c in found) else None


def mean_score_text(score: MeanScore | None, decimals: int, usual: int) -> str:
    """Return a mean as text; n stands in it where it is not the `usual` one."""
    if score is None:
        return NO_RUN.text
    return score_text(score.interval, decimals, usual, diverged=score.diverged)
