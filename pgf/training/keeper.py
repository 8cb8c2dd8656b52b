"""Checkpoints between steps, and evaluations that can be stopped."""

import math
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from torch import nn

from pgf.records import OVERALL
from pgf.training import checkpoints, parallel
from pgf.training.evaluation import Evaluation, evaluate, is_at_target
from pgf.training.interruption import InterruptedRunError, Watch
from pgf.training.observers import CurvePoint
from pgf.training.run_state import Run

KEEP, STOP = 1, 2


class Keeper:
    """Writes the checkpoints of runs when steps or minutes say so, and when it is time to stop."""

    def __init__(self, runs: Sequence[tuple[Run, Path | None]], watch: Watch) -> None:
        self.runs, self.watch = runs, watch
        self.written_at = perf_counter()

    def after_step(self) -> None:
        """Write checkpoints if they are due; stop if it is time to and there is more to do.

        Raises:
            InterruptedRunError: it was time to stop; the checkpoints are written.
        """
        self.watch.beat()
        self.watch.has_worked = True
        self._write_if_due()

    def _write_if_due(self) -> None:
        going_on = [
            (run, path) for run, path in self.runs if run.diverged_at is None and not run.is_done
        ]
        if not going_on:
            return
        first = going_on[0][0]
        # Processes must agree: each has its own clock and its own signals.
        action = parallel.highest(STOP if self.watch.reason() else KEEP * self._is_due(first))
        if action:
            for run, path in going_on:
                if run.read_losses() and path:
                    checkpoints.save(path, run.state_dict(), writes=parallel.rank() == 0)
            self.written_at = perf_counter()
        if action == STOP and any(run.diverged_at is None for run, _ in going_on):
            # Whoever leaves first has torchrun end the others, the one that is writing as well.
            parallel.together()
            raise InterruptedRunError(f"{parallel.agreed(self.watch)}, at step {first.step}")

    def _is_due(self, run: Run) -> bool:
        settings = run.spec.training
        minutes = (perf_counter() - self.written_at) / 60
        return run.step % settings.checkpoint_every == 0 or minutes >= settings.checkpoint_minutes

    def evaluate(self, run: Run) -> None:
        """Evaluate a run in the first process; all processes note the values, or stop together.

        An evaluation that was cut short leaves nothing, and is done anew when the run is resumed.

        Raises:
            InterruptedRunError: it was time to stop; the checkpoints are written.
        """
        values: dict[str, float] | None = None
        if parallel.rank() == 0:
            hook = run.model.register_forward_pre_hook(self._look_up)
            try:
                values = _values(run)
            except _StopEvaluation:
                pass
            finally:
                hook.remove()
        else:
            self.watch.rest()  # the first process may take long, and is watched over itself
        values = parallel.from_first(values)
        if values is None:
            self._write_if_due()
            raise AssertionError("an evaluation stopped without a reason to")
        _note(run, values)

    def _look_up(self, module: nn.Module, inputs: object) -> None:
        """Between the batches of an evaluation: give a sign of life, and stop if it is time to."""
        del module, inputs
        self.watch.beat()
        if self.watch.reason():
            raise _StopEvaluation


class _StopEvaluation(Exception):  # noqa: N818
    """It is time to stop; the evaluation will be done anew."""


def _values(run: Run) -> dict[str, float]:
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
    run.rows += [CurvePoint(run.step, name, OVERALL, "", value) for name, value in columns.items()]
    if not all(map(math.isfinite, values.values())):
        run.diverged_at = run.step
