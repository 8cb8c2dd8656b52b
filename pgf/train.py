"""The training loop: from a run's settings to its evaluations, checkpoints and curves."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

from torch import nn

from pgf import checkpoints, parallel
from pgf.data.streams import Batch
from pgf.evaluation import Evaluation, evaluate, evaluation_steps, is_at_target
from pgf.interruption import InterruptedRunError, Watch
from pgf.observers import Row
from pgf.records import OVERALL
from pgf.running import Run
from pgf.steps import training_step

KEEP, STOP = 1, 2


def train(
    run: Run,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[Run], None] | None = None,
    watch: Watch | None = None,
) -> Run:
    """Train a run to its end, or to where a training or evaluation loss is no number any more.

    Args:
        run: fresh, or resumed by `load_state_dict`.
        checkpoint: where to keep the state, every so many steps and minutes; None for nowhere.
        progress: called after every step.
        watch: says when to stop early; None for never.

    Raises:
        InterruptedRunError: it was time to stop; the checkpoint is written.
    """
    settings, watch = run.spec.training, watch or Watch()
    stream = run.splits.train.stream(
        batch_size=settings.batch_size,
        seed=run.spec.seed,
        first_step=run.step,
        part=(parallel.rank(), parallel.size()),
    )
    keeper = _Keeper(run, checkpoint, watch)
    began = perf_counter() - run.seconds
    with watch.over_steps():
        _go_through(run, stream, keeper, progress, began)
    return run


def _go_through(
    run: Run,
    stream: Iterator[Batch],
    keeper: "_Keeper",
    progress: Callable[[Run], None] | None,
    began: float,
) -> None:
    settings = run.spec.training
    while run.step < settings.steps or _owes_evaluation(run):
        if _owes_evaluation(run):
            values = keeper.evaluate()
        else:
            values = {"loss": training_step(run, next(stream))}
        run.seconds = perf_counter() - began
        if not all(map(math.isfinite, values.values())):
            run.diverged_at = run.step
            return
        run.step += "loss" in values
        if not _owes_evaluation(run):
            keeper.after_step()
            if progress:
                progress(run)


def _owes_evaluation(run: Run) -> bool:
    settings = run.spec.training
    due = run.step in evaluation_steps(settings.steps, settings.evaluations)
    return due and (not run.evaluations or run.evaluations[-1].step < run.step)


class _Keeper:
    """Writes checkpoints when steps or minutes say so, and when it is time to stop."""

    def __init__(self, run: Run, path: Path | None, watch: Watch) -> None:
        self.run, self.path, self.watch = run, path, watch
        self.kept_at = perf_counter()

    def after_step(self) -> None:
        """Write a checkpoint if it is time to; stop if it is time to and there is more to do."""
        self.watch.beat()
        self.watch.has_worked = True
        self._keep()

    def _keep(self) -> None:
        if self._is_done():
            return
        action = parallel.highest(STOP if self.watch.reason() else KEEP if self._is_due() else 0)
        if action and self.path:
            checkpoints.save(self.path, self.run.state_dict(), writes=parallel.rank() == 0)
            self.kept_at = perf_counter()
        if action == STOP:
            # Whoever leaves first has torchrun end the others, the one that is writing as well.
            parallel.together()
            raise InterruptedRunError(f"{parallel.agreed(self.watch)}, at step {self.run.step}")

    def _is_due(self) -> bool:
        settings = self.run.spec.training
        minutes = (perf_counter() - self.kept_at) / 60
        every = self.run.step % settings.checkpoint_every == 0
        return every or minutes >= settings.checkpoint_minutes

    def _is_done(self) -> bool:
        return self.run.step == self.run.spec.training.steps and not _owes_evaluation(self.run)

    def evaluate(self) -> dict[str, float]:
        """Evaluate in the first process; all of them learn the values, or stop together."""
        values: dict[str, float] | None = None
        if parallel.rank() == 0:
            hook = self.run.model.register_forward_pre_hook(self._look_up)
            try:
                values = _evaluate(self.run)
            except _StopEvaluation:
                pass
            finally:
                hook.remove()
        else:
            self.watch.rest()  # the first process may take long, and is watched over itself
        values = parallel.from_first(values)
        if values is None:
            self._keep()
            raise AssertionError("an evaluation stopped without a reason to")
        _note(self.run, values)
        return values

    def _look_up(self, module: nn.Module, inputs: object) -> None:
        """Between the batches of an evaluation: say that we live, and stop if it is time to."""
        del module, inputs
        self.watch.beat()
        if self.watch.reason():
            raise _StopEvaluation


class _StopEvaluation(Exception):  # noqa: N818
    """It is time to stop; the evaluation will be done anew."""


def _evaluate(run: Run) -> dict[str, float]:
    return evaluate(
        run.task,
        run.model,
        run.splits,
        sparsifier=run.sparsifier,
        average=run.average,
        precision=run.precision,
    )


def _note(run: Run, values: dict[str, float]) -> None:
    at_target = is_at_target(run.sparsifier, run.step - 1)
    run.evaluations.append(Evaluation(run.step, values, at_target))
    columns = {**values, "at_target": float(at_target)}
    run.rows += [Row(run.step, name, OVERALL, "", value) for name, value in columns.items()]
