"""The metric by epoch, with the phases of every recipe: after the paper's Fig. 6."""

from collections.abc import Sequence
from string import ascii_lowercase
from typing import TYPE_CHECKING

from pgf.analysis.figures import figure
from pgf.analysis.figures.evaluations import (
    HOLLOW,
    by_epoch,
    draw_evaluations,
    epoch_length,
    evaluations,
    evaluations_only,
    metric_curves,
    name_metric,
    sparsity_order,
)
from pgf.analysis.figures.series import BAND, all_shown, not_drawn, remark, shown_recipes
from pgf.analysis.figures.style import FULL, WIDTH, add_legend, looks, new_figure
from pgf.analysis.figures.timeline import draw_strip, how_to_read, timeline
from pgf.analysis.tables.context import Context, target_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 3
"""Targets whose panels fit beside each other."""


def caption(context: Context) -> str:
    """Return the caption: what is drawn, and by which rule."""
    every = sorted({float(v) for v in context.runs.get("statistics.every", ())})
    sampled = f", to {every[-1]:g} steps" if every else ""
    return (
        "The metric, and its top-5 form where there is one, at the evaluations of a run, always at "
        f"the strict target with D = 0, by epoch. {HOLLOW} Below, the phases of "
        "each recipe in the order of the legend. A tick "
        f"stands where the pattern in force is tighter than at the sample before{sampled}: the "
        "stages of SdGf-Stepwise. SdGf-Geometric keeps N/M and narrows its groups alone, so that "
        "its stages leave no tick."
    )


@figure("figure6", caption=caption)
def figure6(context: Context) -> "Figure":
    """Return the figure: for each task a row of panels a measure, a target each, and a strip."""
    context = evaluations_only(context)
    columns = max(1, *(len(chosen_targets(context, task)) for task in context.tasks))
    wide = columns > 1
    rows = {task: len(metric_curves(context, task)) for task in context.tasks}
    recipes = all_shown(context)
    strip = 0.05 + 0.035 * len(recipes)
    ratios = [ratio for n in rows.values() for ratio in (*[1.0] * n, strip)]
    figure, axes = new_figure(
        len(ratios),
        columns,
        height=2.2,
        legend_rows=4 + len(recipes) // (4 if wide else 2),
        share_x=False,
        width=FULL if wide else WIDTH,
        ratios=ratios,
    )
    start, firsts = 0, []
    for task, count in rows.items():
        _draw_task(context, task, axes[start : start + count + 1])
        firsts.append(axes[start][0])
        start += count + 1
    head = [f"{context.tasks[0]}."] if len(rows) == 1 else []
    text = [*head, BAND, HOLLOW, how_to_read(context), not_drawn(context), _other_targets(context)]
    shown = remark(context, text, characters=125 if wide else 62)
    add_legend(figure, firsts, shown, columns=4 if wide else 2)
    return figure


def _draw_task(context: Context, task: str, rows: "Sequence[Sequence[Axes]]") -> None:
    """Draw a task: a row of panels for each measure, and the strips of phases in the last row."""
    targets, measures = chosen_targets(context, task) or [""], metric_curves(context, task)
    letters = iter(ascii_lowercase)
    for i, (measure, places) in enumerate(zip(measures, rows[:-1], strict=True)):
        for j, (place, target) in enumerate(zip(places, targets, strict=False)):
            if j:
                place.sharey(places[0])
                place.tick_params(labelleft=False)
            _draw(place, context, task, target, measure)
            name = f"{task}, " if len(context.tasks) > 1 and i == j == 0 else ""
            where = target_label(target) if target else "dense"
            place.set_title(f"({next(letters)}) {name}{where}", loc="left")
        top5 = " (top 5)" if measure.endswith("_top5") else ""
        name_metric(places[0], context, task, behind=top5)
    for j, target in enumerate(targets):
        _draw_phases(rows[-1][j], [row[j] for row in rows[:-1]], context, task, target)
    for line in rows:
        for place in line[len(targets) :]:
            place.remove()


def chosen_targets(context: Context, task: str) -> list[str]:
    """Return at most `MOST` targets: those that the analysis names, else spread by sparsity."""
    there = context.targets_of(task)
    if named := [t for t in context.analysis.figure_targets if t in there]:
        return named[:MOST]
    targets = sparsity_order(there)
    if len(targets) <= MOST:
        return targets
    return [targets[round(i * (len(targets) - 1) / (MOST - 1))] for i in range(MOST)]


def _other_targets(context: Context) -> str:
    hidden = [
        target_label(target)
        for target in context.targets
        if any(
            target in context.targets_of(task) and target not in chosen_targets(context, task)
            for task in context.tasks
        )
    ]
    return f"Targets not drawn: {', '.join(hidden)}." if hidden else ""


def _draw(axes: "Axes", context: Context, task: str, target: str, measure: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    scale, _ = by_epoch(context, task)
    for recipe in shown_recipes(context, task):
        found = evaluations(context, task, recipe, target, measure=measure)
        draw_evaluations(axes, found, scale=scale, look=styles[recipe], label=context.label(recipe))


def _draw_phases(
    below: "Axes", above: "Sequence[Axes]", context: Context, task: str, target: str
) -> None:
    styles = looks([name for name, _ in context.recipes])
    sparse = [r for r in shown_recipes(context, task) if r in context.sparse_recipes(task)]
    rows = [(timeline(context, task, recipe, target), styles[recipe]) for recipe in sparse]
    for panel in above:
        panel.sharex(below)
        panel.tick_params(labelbottom=False)
    if rows and all(found is None for found, _ in rows):
        below.text(0.5, 0.5, "phases not recorded", transform=below.transAxes, ha="center")
    draw_strip(below, rows, factor=1 / (epoch_length(context, task) or 1))
    below.set_xlabel(by_epoch(context, task)[1])
