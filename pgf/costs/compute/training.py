"""Training FLOPs of every recipe at every target, from the schedules alone."""

from collections.abc import Sequence

import pandas as pd

from pgf.analysis import NO_RUN, Block, Section, row, unit_of
from pgf.costs.compute.anatomy import Anatomy
from pgf.experiments import RunSpec
from pgf.recipes import Target
from pgf.sparsity import select_layers
from pgf.tasks import Task
from pgf.training import Layers, average_density, training_flops

COLUMNS = [
    *("task", "recipe", "target", "training_flops", "relative"),
    *("relative_sparse_input_gradient", "average_density"),
]
CAPTION = (
    "All of training, relative to dense training of the same length. The forward pass costs N/M "
    "while D = 0 and as dense while D > 0; the gradient of the input as dense, since groups lie "
    "along the input axis (in brackets the other count, at N/M as with a second mask for the "
    "transposed weights); the gradient of the weight as dense, but N/M under the chain rule at "
    "D = 0 and under fixed masks. All else in the model costs what it costs. This is what hardware "
    "with full use of N:M could save. The paper defines no training FLOPs."
)


def training(name: str, task: Task, specs: Sequence[RunSpec]) -> tuple[Section, pd.DataFrame]:
    """Return a task's section and its numbers in long form; one run of a cell stands for it.

    Recipes that narrow the model are left out: these are counts of the task's own.
    """
    specs = [spec for spec in specs if not spec.make_recipe().narrows]
    anatomy = Anatomy.of(task)
    one_each = {(spec.recipe.name, spec.target): spec for spec in specs}
    frame = pd.DataFrame(
        [(name, *_cost(anatomy, task, spec)) for spec in one_each.values()], columns=COLUMNS
    )
    labels = {spec.recipe.name: spec.recipe.label for spec in specs if spec.target != "dense"}
    texts = {
        (recipe, target): f"{share:.3f} ({other:.3f})"
        for _, recipe, target, _, share, other, _ in frame.itertuples(index=False)
    }
    rows = tuple(
        row(
            Target.parse(target).label,
            *(texts.get((recipe, target), NO_RUN) for recipe in labels),
        )
        for target in dict.fromkeys(spec.target for spec in specs if spec.target != "dense")
    )
    block = Block(header=("", *labels.values()), rows=rows)
    dense = anatomy.flops.training / anatomy.flops.forward
    scale, unit = unit_of(anatomy.flops.training)
    own = f"{anatomy.flops.training / scale:.2f} {unit}FLOPs a sample"
    lead = f"Dense: {own}, {dense:.2f} forward passes."
    return Section(heading=name, blocks=(block,), caption=f"{CAPTION} {lead}"), frame


def _cost(anatomy: Anatomy, task: Task, spec: RunSpec) -> tuple[object, ...]:
    recipe, target = spec.make_recipe(), Target.parse(spec.target)
    layers: Layers = []
    if recipe.prunes:
        layers = select_layers(anatomy.model, target, task.groups or None)
    steps, batch_size = spec.training.steps, spec.training.batch_size
    total, other = (
        training_flops(
            anatomy.flops,
            layers,
            recipe,
            total_steps=steps,
            batch_size=batch_size,
            after=[steps],
            sparse_input_gradient=is_sparse,
        )[0]
        for is_sparse in (False, True)
    )
    dense = float(anatomy.flops.training) * steps * batch_size
    density = average_density(layers, recipe, total_steps=steps)
    return spec.recipe.name, spec.target, total, total / dense, other / dense, density
