"""The training loop: from a run's settings to its evaluations, checkpoints and curves."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from torch import nn

from pgf.records.record import OVERALL
from pgf.tasks.data.streams import Batch
from pgf.training import checkpoints, parallel
from pgf.training.evaluation import Evaluation, evaluate, evaluation_steps, is_at_target
from pgf.training.interruption import InterruptedRunError, Watch
from pgf.training.observers import Row
from pgf.training.run_state import Run
from pgf.training.stack import Stack
from pgf.training.step import training_step

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
    """Train runs of one task and length, all at one step, as one stacked model; else as `train`.

    One that diverges leaves the stack, and the others go on.

    Args:
        runs: fresh, or resumed.
        checkpoints: where to keep the state of each.
        progress: called with every run after every step.
        ended: called with a run as soon as it has diverged or is done.
        watch: says when to stop early; None for never.
    """
    watch = watch or Watch()
    keeper = _Keeper(list(zip(runs, checkpoints, strict=True)), watch)
    for run in runs:
        run.together = len(runs)
    with watch.over_steps():
        for run in _go_through(runs, keeper, progress):
            watch.rest()  # what is written now is no step
            if ended:
                ended(run)


def _go_through(
    runs: Sequence[Run], keeper: "_Keeper", progress: Callable[[Run], None] | None
) -> Iterator[Run]:
    """Train to the end; yield every run as soon as it has diverged or is done."""
    members = _Members(runs)
    yield from members.leave(done=True)
    while members.runs:
        began = perf_counter()
        owing = [run for run in members.runs if _owes_evaluation(run)]
        if owing:
            found = [(run, keeper.evaluate(run)) for run in owing]
        else:
            losses = members.step()
            found = [(run, {"loss": loss}) for run, loss in zip(members.runs, losses, strict=True)]
        for run in members.runs:
            # Of what they do together, everyone has an even share.
            run.seconds += (perf_counter() - began) / len(members.runs)
        for run, values in found:
            if _all_finite(values):
                run.step += "loss" in values
            else:
                run.diverged_at = run.step
        yield from members.leave()
        began = perf_counter()
        if owing or not any(_owes_evaluation(run) for run in members.runs):
            _tell(members.runs, keeper, progress)
        for run in members.runs:
            run.seconds += (perf_counter() - began) / len(members.runs)
        yield from members.leave(done=True)


def _tell(runs: Sequence[Run], keeper: "_Keeper", progress: Callable[[Run], None] | None) -> None:
    if runs:
        keeper.after_step()
    for run in runs if progress else ():
        assert progress
        progress(run)


class _Members:
    """The runs that go on, with their data; several of them as a stack."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.streams = {id(run): _stream(run) for run in runs}
        self.runs: list[Run] = list(runs)
        self._stack: Stack | None = None

    def step(self) -> list[float]:
        batches = [next(self.streams[id(run)]) for run in self.runs]
        if len(self.streams) == 1:
            return [training_step(self.runs[0], batches[0])]
        if self._stack is None:
            self._stack = Stack(self.runs)
        return self._stack.step(batches)

    def leave(self, *, done: bool = False) -> list[Run]:
        """Drop the runs that have diverged, or those that are done; return them."""
        staying = [
            run for run in self.runs if run.diverged_at is None and not (done and _is_done(run))
        ]
        kept = {id(run) for run in staying}
        gone = [run for run in self.runs if id(run) not in kept]
        if gone and self._stack is not None:
            self._stack.release()
            self._stack = None
        self.runs = staying
        return gone


def _all_finite(values: Mapping[str, float]) -> bool:
    return all(map(math.isfinite, values.values()))


def _stream(run: Run) -> Iterator[Batch]:
    return run.splits.train.stream(
        batch_size=run.spec.training.batch_size,
        seed=run.spec.seed,
        first_step=run.step,
        part=(parallel.rank(), parallel.size()),
    )


def _owes_evaluation(run: Run) -> bool:
    settings = run.spec.training
    due = run.step in evaluation_steps(settings.steps, settings.evaluations)
    return due and (not run.evaluations or run.evaluations[-1].step < run.step)


def _is_done(run: Run) -> bool:
    return run.step == run.spec.training.steps and not _owes_evaluation(run)


class _Keeper:
    """Writes checkpoints when steps or minutes say so, and when it is time to stop."""

    def __init__(self, runs: list[tuple[Run, Path | None]], watch: Watch) -> None:
        self.runs, self.watch = runs, watch
        self.kept_at = perf_counter()

    def after_step(self) -> None:
        """Write checkpoints if it is time to; stop if it is time to and there is more to do."""
        self.watch.beat()
        self.watch.has_worked = True
        self._keep()

    def _keep(self) -> None:
        going_on = [
            (run, path) for run, path in self.runs if run.diverged_at is None and not _is_done(run)
        ]
        if not going_on:
            return
        due = self._is_due(going_on[0][0])
        action = parallel.highest(STOP if self.watch.reason() else KEEP if due else 0)
        if action:
            for run, path in going_on:
                if path:
                    checkpoints.save(path, run.state_dict(), writes=parallel.rank() == 0)
            self.kept_at = perf_counter()
        if action == STOP:
            # Whoever leaves first has torchrun end the others, the one that is writing as well.
            parallel.together()
            step = going_on[0][0].step
            raise InterruptedRunError(f"{parallel.agreed(self.watch)}, at step {step}")

    def _is_due(self, run: Run) -> bool:
        settings = run.spec.training
        minutes = (perf_counter() - self.kept_at) / 60
        every = run.step % settings.checkpoint_every == 0
        return every or minutes >= settings.checkpoint_minutes

    def evaluate(self, run: Run) -> dict[str, float]:
        """Evaluate in the first process; all of them learn the values, or stop together."""
        values: dict[str, float] | None = None
        if parallel.rank() == 0:
            hook = run.model.register_forward_pre_hook(self._look_up)
            try:
                values = _evaluate(run)
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
        _note(run, values)
        if not _all_finite(values):
            run.diverged_at = run.step  # at once: the next one's evaluation may be cut short
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
