"""The strict target pattern during a trainer's evaluations."""

from contextlib import ExitStack

from pgf.sparsity import Attached


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
