"""The dense model as a teacher of the pruned one, for recipes that distil."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.recipes import Distils
from pgf.sparsity import Sparsifier
from pgf.tasks import Batch, Task
from pgf.training import parallel


def make_teacher(model: nn.Module, sparsifier: Sparsifier) -> nn.Module:
    """Return a copy of a model at its dense weights, for evaluation."""
    for layer in sparsifier.layers:
        layer.is_taught = True
    with sparsifier.dense():
        teacher = copy.deepcopy(model)
    # Batch statistics differ by process, and a checkpoint has those of the first.
    parallel.take_from_first(list(teacher.buffers()))
    return teacher.eval().requires_grad_(False)


def is_taught(sparsifier: Sparsifier, step: int) -> bool:
    """Return whether a step trains with a teacher: the recipe distils, and some layer is pruned."""
    if not isinstance(sparsifier.recipe, Distils):
        return False
    return any(phase.pattern is not None for phase in sparsifier.phases(step).values())


class _Listening(nn.Module):
    """A model whose last logits are kept."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.logits: Tensor | None = None

    def forward(self, *inputs: Any, **named: Any) -> Any:
        out = self.model(*inputs, **named)
        self.logits = out if isinstance(out, Tensor) else getattr(out, "logits", None)
        return out

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the model's own: tasks use more of it than its call."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)


def distilled_loss(
    recipe: Distils, task: Task, model: nn.Module, teacher: nn.Module, batch: Batch
) -> Tensor:
    """Return the loss of a micro-batch with a teacher.

    Raises:
        UserError: the task's model has no logits that could be compared.
    """
    student, taught = _Listening(model), _Listening(teacher)
    loss = task.loss(student, batch)
    with torch.no_grad():
        task.loss(taught, batch)
    if student.logits is None or taught.logits is None:
        raise UserError(
            f"the recipe {type(recipe).__name__} compares logits, and the model of "
            f"{type(task).__name__} gives none"
        )
    # Checks before training have shapes alone: there is nothing to count.
    weight = 1.0 if batch[0].is_meta else task.weight(batch)
    return recipe.distil(loss, student=student.logits, teacher=taught.logits, weight=weight)
