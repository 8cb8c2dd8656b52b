"""The training loop."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from pgf.training.interruption import Watch
from pgf.training.keeper import Keeper
from pgf.training.lockstep import Lockstep
from pgf.training.run_state import Run


def train(
    run: Run,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Run], None] | None = None,
    watch: Watch | None = None,
) -> Run:
    """Train one run as `train_together` does; return it."""
    train_together([run], checkpoints=[checkpoint], progress=progress, watch=watch)
    return run


def train_together(
    runs: Sequence[Run],
    *,
    checkpoints: Sequence[Path | None],
    progress: Callable[[Run], None] | None = None,
    ended: Callable[[Run], None] | None = None,
    watch: Watch | None = None,
) -> None:
    """Train runs to their end, or to where a training or evaluation loss is no finite number.

    Several runs train as one stacked model. One that diverges leaves it, and the others go on.

    Args:
        runs: of one task and length, all at one step; fresh, or resumed by `load_state_dict`.
        checkpoints: the checkpoint file of each run; None for a run without one.
        progress: called with every run after every step and its evaluation.
        ended: called with a run as soon as it has diverged or is done.
        watch: says when to stop early; None for never.

    Raises:
        InterruptedRunError: it was time to stop; the checkpoints are written.
    """
    watch, tell = watch or Watch(), progress or _tell_nobody
    lockstep, keeper = Lockstep(runs), Keeper(list(zip(runs, checkpoints, strict=True)), watch)

    def end(leaving: Iterable[Run]) -> None:
        for run in leaving:
            watch.rest()  # writing a record is no step
            if ended:
                ended(run)

    with watch.over_steps():
        end(lockstep.done())
        while lockstep.runs:
            if not lockstep.owing():
                lockstep.step()
            end(lockstep.diverged())
            for run in lockstep.owing():
                keeper.evaluate(run)
            end(lockstep.diverged())
            if lockstep.runs:
                try:
                    keeper.after_step()
                finally:  # which has read the losses, and may have been told to stop
                    end(lockstep.diverged())
            for run in lockstep.runs:
                tell(run)
            end(lockstep.done())


def _tell_nobody(run: Run) -> None:
    del run
