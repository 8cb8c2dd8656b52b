"""Training FLOPs of every recipe at every target, from the schedules alone."""

from collections.abc import Sequence

import pandas as pd

from pgf.analysis import NO_RUN, Block, Section, row
from pgf.costs.compute.anatomy import Anatomy
from pgf.experiments import RunSpec
from pgf.recipes import Target
from pgf.sparsity import select_layers
from pgf.tasks import Task
from pgf.training import Layers, training_flops

COLUMNS = ["task", "recipe", "target", "training_flops", "relative"]
CAPTION = (
    "All of training, relative to dense training of the same length. Forward pass and gradient of "
    "the input cost N/M while D = 0 and as dense while D > 0; the gradient of the weight costs as "
    "dense, but N/M under the chain rule at D = 0 and under fixed masks. All else in the model "
    "costs what it costs. This is what hardware with full use of N:M could save. The paper "
    "defines no training FLOPs."
)


def training(name: str, task: Task, specs: Sequence[RunSpec]) -> tuple[Section, pd.DataFrame]:
    """Return a task's section and its numbers in long form; one run of a cell stands for it."""
    anatomy = Anatomy.of(task)
    one_each = {(spec.recipe.name, spec.target): spec for spec in specs}
    frame = pd.DataFrame(
        [(name, *_cost(anatomy, task, spec)) for spec in one_each.values()], columns=COLUMNS
    )
    labels = {spec.recipe.name: spec.recipe.label for spec in specs if spec.target != "dense"}
    relative = frame.set_index(["recipe", "target"])["relative"]
    rows = tuple(
        row(
            Target.parse(target).label,
            *(
                f"{relative[recipe, target]:.3f}" if (recipe, target) in relative else NO_RUN
                for recipe in labels
            ),
        )
        for target in dict.fromkeys(spec.target for spec in specs if spec.target != "dense")
    )
    block = Block(header=("", *labels.values()), rows=rows)
    dense = anatomy.flops.training / anatomy.flops.forward
    lead = f"Dense: {anatomy.flops.training / 1e9:.2f} GFLOPs a sample, {dense:.2f} forward passes."
    return Section(heading=name, blocks=(block,), caption=f"{CAPTION} {lead}"), frame


def _cost(anatomy: Anatomy, task: Task, spec: RunSpec) -> tuple[object, ...]:
    recipe, target = spec.make_recipe(), Target.parse(spec.target)
    layers: Layers = []
    if not recipe.is_dense:
        layers = select_layers(anatomy.model, target, task.groups or None)
    steps, batch_size = spec.training.steps, spec.training.batch_size
    (total,) = training_flops(
        anatomy.flops, layers, recipe, total_steps=steps, batch_size=batch_size, after=[steps]
    )
    dense = float(anatomy.flops.training) * steps * batch_size
    return spec.recipe.name, spec.target, total, total / dense
