"""The check of training settings that needs neither models nor data."""

from collections.abc import Iterable

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.training import check_optimization


def check_trainings(specs: Iterable[RunSpec]) -> None:
    """Check the optimiser, schedule and backend of every run, also of columns that have their own.

    Raises:
        UserError: the first that is wrong, with its task and column.
    """
    for spec in {(spec.task.name, repr(spec.training)): spec for spec in specs}.values():
        try:
            check_optimization(spec.training)
        except UserError as error:
            raise UserError(f"{spec.task.name}, {spec.recipe.name}: {error}") from error
