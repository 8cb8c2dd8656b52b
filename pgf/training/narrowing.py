"""A task's model made smaller: as many weights as a pruned one keeps."""

import torch

from pgf.errors import UserError
from pgf.recipes import Recipe, Target
from pgf.sparsity import select_layers
from pgf.tasks import Task


def narrowed_to(task: Task, recipe: Recipe, target: str) -> Task:
    """Return the task that a recipe trains: itself, or with the widest model that is small enough.

    Small enough is a model with at most as many parameters as the task's own keeps at the target.
    Widths go in steps of the heads, which may leave a third of the parameters unused: the
    feed-forward layers are then widened as far as they go, where the task gives them a size.

    Raises:
        UserError: the task does not say how to narrow its model, or cannot narrow it so far.
    """
    if not recipe.narrows:
        return task
    most = _kept(task, target)
    candidates = list(task.narrower())
    if not candidates:
        raise UserError(
            f"{type(task).__name__} has no narrower models: leave out the recipe small_dense"
        )
    for candidate in candidates:
        if _parameters(candidate) <= most:
            return _filled_up(candidate, most)
    raise UserError(
        f"no model of {type(task).__name__} is as small as {most:,} parameters, what {target} keeps"
    )


def _filled_up(task: Task, most: int) -> Task:
    now, wider = _parameters(task), task.wider_feed_forward(1)
    if wider is None:
        return task
    each = _parameters(wider) - now  # as many for every unit of width
    return task.wider_feed_forward((most - now) // each) or task


def _kept(task: Task, target: str) -> int:
    with torch.device("meta"):
        model = task.model()
    kept = sum(p.numel() for p in model.parameters())
    for block, pattern in select_layers(model, Target.parse(target), task.groups or None):
        entries = block.view(block.weight.detach()).numel()
        kept -= entries - entries // pattern.m * pattern.n
    return kept


def _parameters(task: Task) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in task.model().parameters())
