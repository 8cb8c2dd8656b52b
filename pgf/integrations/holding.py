"""Parts that the adapters share: evaluations at the strict target, and refusals."""

from contextlib import ExitStack

import torch

from pgf.errors import UserError
from pgf.recipes import LearnsScores, Recipe, Target, find_recipe
from pgf.sparsity import Attached


def check_names(target: Target | str, recipe: Recipe | str) -> None:
    """Read a target and find a recipe, before a trainer has loaded its data.

    Raises:
        UserError: one of them is unknown.
    """
    if isinstance(target, str):
        Target.parse(target)
    if isinstance(recipe, str):
        find_recipe(recipe)


def check_trainable(sparse: Attached) -> None:
    """Check that a trainer can train so: it makes schedulers and checkpoints by itself.

    Raises:
        UserError: it cannot.
    """
    own = sparse.sparsifier
    if isinstance(own.recipe, LearnsScores) and own.layers:
        raise UserError(
            f"the recipe {type(own.recipe).__name__} learns scores, for which the trainer's "
            f"schedulers and checkpoints have no place: use pgf.attach in a loop of your own"
        )
    if any(hasattr(parameter, "to_local") for parameter in own.effective.values()):
        raise UserError(
            "the trainer's checkpoints hold one process's state, and FSDP gives each process rows "
            "of its own: use pgf.attach in a loop of your own"
        )


def strict_values(sparse: Attached) -> dict[str, torch.Tensor]:
    """Return the weights at the strict target, by their names in the model."""
    with sparse.strict():
        effective = sparse.sparsifier.effective
        return {name: own.detach().clone() for name, own in effective.items()}


class StrictEvaluations:
    """Holds a model at the strict target between two events of a trainer."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._is_held = False

    def begin(self, sparse: Attached) -> None:
        """Write the strict target pattern into the model, once."""
        if not self._is_held:
            self._stack.enter_context(sparse.strict())
            self._is_held = True

    def end(self) -> None:
        """Give the model its effective weights back, if it has not got them."""
        self._stack.close()
        self._is_held = False
