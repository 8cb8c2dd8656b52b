"""A run that is stepped in turn with others."""

from collections.abc import Iterator

from pgf.tasks import Batch
from pgf.training import Run, training_step


class Contender:
    """A run with its data, at whatever step it is."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.stream: Iterator[Batch] = run.splits.train.stream(
            batch_size=run.spec.training.batch_size, seed=run.spec.seed
        )

    def step(self) -> None:
        """Do one optimiser step."""
        training_step(self.run, next(self.stream))
        self.run.step += 1
