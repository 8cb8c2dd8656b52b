"""Runs that train step by step together, several of them as one stacked model."""

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

from pgf.tasks import Batch
from pgf.training import parallel
from pgf.training.run_state import Run
from pgf.training.stack import Stack
from pgf.training.step import goes_on, training_step


class Lockstep:
    """The runs that still train, all at one step, each with its data.

    Time is shared evenly among them.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self._streams = {id(run): _stream(run) for run in runs}
        self._stack: Stack | None = None
        self._since = perf_counter()
        for run in runs:
            run.together = len(runs)

    def step(self) -> None:
        """Do one optimiser step of every run; none if one turns out to have diverged before."""
        if not all([goes_on(run) for run in self.runs]):
            return
        batches = [next(self._streams[id(run)]) for run in self.runs]
        self._step(batches)
        for run in self.runs:
            if run.diverged_at is None:
                run.step += 1

    def _step(self, batches: Sequence[Batch]) -> None:
        if len(self._streams) == 1:
            training_step(self.runs[0], batches[0])
            return
        if self._stack is None:
            self._stack = Stack(self.runs)
        self._stack.step(batches)

    def owing(self) -> list[Run]:
        """Return the runs that are to be evaluated before their next step."""
        return [run for run in self.runs if run.owes_evaluation]

    def diverged(self) -> Iterator[Run]:
        """Drop the runs that have diverged, and yield them."""
        return self._leave(lambda run: run.diverged_at is not None)

    def done(self) -> Iterator[Run]:
        """Drop the runs that are done, and yield them."""
        return self._leave(lambda run: run.is_done)

    def _leave(self, leaves: Callable[[Run], bool]) -> Iterator[Run]:
        self._share_time()
        gone = [run for run in self.runs if leaves(run)]
        if gone and self._stack is not None:
            self._stack.release()
            self._stack = None
        self.runs = [run for run in self.runs if not leaves(run)]
        yield from gone
        self._since = perf_counter()  # what is done with those that left is nobody's time

    def _share_time(self) -> None:
        now = perf_counter()
        for run in self.runs:
            run.seconds += (now - self._since) / len(self.runs)
        self._since = now


def _stream(run: Run) -> Iterator[Batch]:
    return run.splits.train.stream(
        batch_size=run.spec.training.batch_size,
        seed=run.spec.seed,
        first_step=run.step,
        part=(parallel.rank(), parallel.size()),
    )
