"""A model's weights between an optimiser's steps: written by us, or by somebody else."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import LayerHook
from pgf.sparsity.loading import (
    check_parameters,
    check_unchanged,
    pick_up,
    values_of,
    versions,
    written,
)
from pgf.sparsity.shards import reshard
from pgf.sparsity.sparsifier import Sparsifier


class WeightWatch:
    """Sees which weights somebody else wrote to, and makes them masters."""

    def __init__(self, sparsifier: Sparsifier) -> None:
        self.sparsifier = sparsifier
        self._holds = 0
        self._versions: dict[str, int] = {}
        self._copies: dict[str, Tensor] = {}

    def note(self) -> None:
        """Take the weights as they are now for ours; drop FSDP's gathered copies, which are old."""
        own = self.sparsifier
        reshard(own.model)
        self._versions = versions(own)
        if isinstance(own.recipe, LayerHook):  # whose refresh cannot be repeated to compare
            self._copies = values_of(own)

    def look(self, step: int, *, whole: bool = False) -> None:
        """Take weights that were written to since the last note as new masters.

        Args:
            step: the step that comes next.
            whole: see `pick_up`.

        Raises:
            UserError: a weight is another parameter, or the recipe remembers the old weights.
        """
        check_parameters(self.sparsifier)
        names = [] if self._holds else written(self.sparsifier, self._versions)
        if names and isinstance(self.sparsifier.recipe, LayerHook):
            check_unchanged(self.sparsifier, names, self._copies)
        elif names:
            pick_up(self.sparsifier, names, step, whole=whole)
        self._versions = versions(self.sparsifier)

    @contextmanager
    def held(self, step: int, hold: AbstractContextManager[None]) -> Iterator[None]:
        """Let weights be written to that are not to be taken as new masters."""
        self.look(step)
        with hold:
            self._holds += 1
            self.note()
            try:
                yield
            finally:
                self._holds -= 1
        self.note()

    def check_not_held(self, what: str) -> None:
        """Check that no block holds the weights at another state.

        Raises:
            UserError: one does.
        """
        if self._holds:
            raise UserError(
                f"{what} within `with sparse.strict()` or `sparse.dense()`: leave that block first"
            )
