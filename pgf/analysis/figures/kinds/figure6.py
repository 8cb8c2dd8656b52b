"""The metric by epoch, with the phases of every recipe: after the paper's Fig. 6."""

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
    sparsity_order,
)
from pgf.analysis.figures.series import BAND, all_shown, not_drawn, remark, shown_recipes
from pgf.analysis.figures.style import FULL, WIDTH, add_legend, looks, new_figure
from pgf.analysis.figures.timeline import draw_strip, how_to_read, timeline
from pgf.analysis.tables.context import Context, target_label
from pgf.analysis.tables.measurements import metric_name

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
        "The metric at the evaluations of a run, always at the strict target with D = 0, by "
        f"epoch. {HOLLOW} Below, the phases of each recipe in the order of the legend. A tick "
        f"stands where the pattern in force is tighter than at the sample before{sampled}: the "
        "stages of SdGf-Stepwise. SdGf-Geometric keeps N/M and narrows its groups alone, so that "
        "its stages leave no tick."
    )


@figure("figure6", caption=caption)
def figure6(context: Context) -> "Figure":
    """Return the figure: for each task a row of panels, a target each, and a strip below them."""
    context = evaluations_only(context)
    tasks = context.tasks
    columns = max(1, *(len(chosen_targets(context, task)) for task in tasks))
    wide = columns > 1
    recipes = all_shown(context)
    strip = 0.05 + 0.035 * len(recipes)
    figure, axes = new_figure(
        2 * len(tasks),
        columns,
        height=2.2,
        legend_rows=4 + len(recipes) // (4 if wide else 2),
        share_x=False,
        width=FULL if wide else WIDTH,
        ratios=(1.0, strip) * len(tasks),
    )
    for i, task in enumerate(tasks):
        targets = chosen_targets(context, task) or [""]
        for j, (above, below) in enumerate(zip(axes[2 * i], axes[2 * i + 1], strict=True)):
            if j >= len(targets):
                above.remove()
                below.remove()
                continue
            if j:
                above.sharey(axes[2 * i][0])
                above.tick_params(labelleft=False)
            _draw(above, context, task, targets[j])
            _draw_phases(below, above, context, task, targets[j])
            name = f"{task}, " if len(tasks) > 1 and j == 0 else ""
            where = target_label(targets[j]) if targets[j] else "dense"
            above.set_title(f"({ascii_lowercase[j]}) {name}{where}", loc="left")
        axes[2 * i][0].set_ylabel(metric_name(context, task))
    head = [f"{tasks[0]}."] if len(tasks) == 1 else []
    text = [*head, BAND, HOLLOW, how_to_read(context), not_drawn(context), _other_targets(context)]
    shown = remark(context, text, characters=125 if wide else 62)
    add_legend(figure, (line[0] for line in axes[::2]), shown, columns=4 if wide else 2)
    return figure


def chosen_targets(context: Context, task: str) -> list[str]:
    """Return at most `MOST` targets, spread from the densest to the sparsest."""
    targets = sparsity_order(context.targets_of(task))
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


def _draw(axes: "Axes", context: Context, task: str, target: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    scale, _ = by_epoch(context, task)
    for recipe in shown_recipes(context, task):
        found = evaluations(context, task, recipe, target)
        draw_evaluations(axes, found, scale=scale, look=styles[recipe], label=context.label(recipe))


def _draw_phases(below: "Axes", above: "Axes", context: Context, task: str, target: str) -> None:
    styles = looks([name for name, _ in context.recipes])
    sparse = [r for r in shown_recipes(context, task) if r in context.sparse_recipes(task)]
    rows = [(timeline(context, task, recipe, target), styles[recipe]) for recipe in sparse]
    below.sharex(above)
    above.tick_params(labelbottom=False)
    if rows and all(found is None for found, _ in rows):
        below.text(0.5, 0.5, "phases not recorded", transform=below.transAxes, ha="center")
    draw_strip(below, rows, factor=1 / (epoch_length(context, task) or 1))
    below.set_xlabel(by_epoch(context, task)[1])
