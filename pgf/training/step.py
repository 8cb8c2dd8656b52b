"""One optimiser step: the batch, the two points at which a recipe acts, the update."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from pgf.recipes import Distils, MaskSource
from pgf.records import OVERALL
from pgf.seeds import seed_for
from pgf.tasks import Batch, moved
from pgf.training import parallel
from pgf.training.calibration import calibration_passes
from pgf.training.distillation import distilled_loss, is_taught, make_teacher
from pgf.training.evaluation import evaluation_steps
from pgf.training.observers import CurvePoint, StepState
from pgf.training.run_state import Run
from pgf.training.saliency import fix_saliency_masks, untouched


@dataclass(frozen=True)
class Prepared:
    """Batch, micro-batches and learning rate of one step."""

    drawn: Batch
    """This process's share of the batch, on the run's device."""
    micro_batches: list[Batch]
    shares: list[float]
    """Share of the whole batch that each micro-batch is."""
    learning_rate: float


def training_step(run: Run, batch: Batch) -> None:
    """Do one optimiser step, or find that the run has diverged: its loss is not finite.

    Args:
        run: the run, whose next step this is.
        batch: this process's share of the batch; all of it where there is one process.
    """
    prepared = prepare(run, batch)
    update(run, prepared, _passes(run, prepared))


def goes_on(run: Run) -> bool:
    """Return whether a run goes on; its losses are read before anything that is done only once.

    A mask or a teacher made of weights that are not finite would be kept, or could not be made.
    """
    if not run.losses.unread:
        return True
    waits = (MaskSource.SALIENCY, MaskSource.CALIBRATED)
    once = any(run.sparsifier.awaiting(source, run.step) for source in waits)
    once = once or (run.teacher is None and is_taught(run.sparsifier, run.step))
    return not once or run.read_losses()


def prepare(run: Run, batch: Batch) -> Prepared:
    """Return what the next step trains on, with its effective weights and learning rate set."""
    drawn = (moved(batch[0], run.device), moved(batch[1], run.device))
    micro_batches = _micro_batches(run, drawn)
    shares = _shares(run, micro_batches)
    fix_saliency_masks(
        run.task, run.sparsifier, micro_batches, shares, step=run.step, precision=run.precision
    )
    run.sparsifier.calibrate(run.step, lambda: calibration_passes(run))
    if run.teacher is None and is_taught(run.sparsifier, run.step):
        run.teacher = make_teacher(run.model, run.sparsifier)
    run.sparsifier.refresh(run.step)
    return Prepared(drawn, micro_batches, shares, run.schedule.set(run.step))


def _shares(run: Run, micro_batches: list[Batch]) -> list[float]:
    if len(micro_batches) == parallel.size() == 1:
        return [1.0]  # what the batch weighs would have to be read from the device
    return parallel.shares([run.task.weight(micro_batch) for micro_batch in micro_batches])


def _passes(run: Run, prepared: Prepared) -> Tensor:
    """Go forward and backward; return the loss and leave the gradients in the model."""
    shares = prepared.shares
    total = torch.zeros((), dtype=torch.float64, device=run.device)
    for i, (micro_batch, share) in enumerate(zip(prepared.micro_batches, shares, strict=True)):
        with _exchange(run, now=i == len(shares) - 1):
            with run.precision.autocast():
                loss = _loss(run, micro_batch) * share
            # What processes exchange is their mean gradient, and the sum is meant.
            run.precision.scaler.scale(loss * parallel.size()).backward()
        total += loss.detach()
    if parallel.size() > 1:
        total = torch.tensor(parallel.total([float(total)]), dtype=torch.float64)[0]
    return total


def _loss(run: Run, micro_batch: Batch) -> Tensor:
    recipe = run.sparsifier.recipe
    if run.teacher is None or not isinstance(recipe, Distils):
        return run.task.loss(run.replica, micro_batch)
    return distilled_loss(recipe, run.task, run.replica, run.teacher, micro_batch)


def update(run: Run, prepared: Prepared, loss: Tensor) -> None:
    """Do the optimiser step with the gradients in the model.

    Without the update if a loss that is due to be read is not finite.
    """
    settings, scaler = run.spec.training, run.precision.scaler
    run.losses.add(run.step, loss)
    if _must_know(run) and not run.read_losses():
        return
    run.sparsifier.take_gradients()
    scaler.unscale_(run.optimizer)
    run.sparsifier.apply_gradient_rule()
    norm = _clip(run.optimizer, settings.clip_norm)
    state = StepState(
        step=run.step,
        loss=loss,
        learning_rate=prepared.learning_rate,
        gradient_norm=norm,
        clip_norm=settings.clip_norm,
        model=run.model,
        sparsifier=run.sparsifier,
        optimizer=run.optimizer,
        batch_gradients=lambda weights: _batch_gradients(run, weights),
    )
    if parallel.rank() == 0:
        for observer in run.observers:
            observer.before_update(state)
        _log_step(run, state)
    scaler.step(run.optimizer)
    scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    if run.average:
        run.average.update()


def _must_know(run: Run) -> bool:
    """Return whether a step's loss must be read: a curve, an evaluation or a checkpoint is next."""
    settings, after = run.spec.training, run.step + 1
    return (
        run.losses.are_due
        or run.step % run.spec.statistics.every == 0
        or after % settings.checkpoint_every == 0
        or after in evaluation_steps(settings.steps, settings.evaluations)
    )


def _micro_batches(run: Run, drawn: Batch) -> list[Batch]:
    """Return the parts of a batch, prepared each by itself and with draws of its own.

    A process sees its own parts alone, but numbers them over all processes: who shares a batch does
    not change what is drawn.
    """
    settings = run.spec.training
    parts = zip(*(part.chunk(settings.accumulation) for part in drawn), strict=True)
    first = parallel.rank() * settings.accumulation
    return [
        run.task.prepare(part, settings, seed=_part_seed(run, number), step=run.step)
        for number, part in enumerate(parts, first)
    ]


def _part_seed(run: Run, number: int) -> int:
    """Return the seed of a micro-batch's draws; of the first one the run's own."""
    return seed_for(run.spec.seed, "micro_batch", number) if number else run.spec.seed


def _exchange(run: Run, *, now: bool) -> AbstractContextManager[None]:
    """Return the context of a backward pass: with the last one, processes exchange gradients."""
    if now or not isinstance(run.replica, DistributedDataParallel):
        return nullcontext()
    return run.replica.no_sync()


def _clip(optimizer: torch.optim.Optimizer, limit: float | None) -> Tensor | None:
    """Scale all gradients to a global norm of at most `limit`; return what it was."""
    if limit is None:
        return None
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return torch.nn.utils.clip_grad_norm_(parameters, limit)


def _batch_gradients(
    run: Run, weights: Sequence[Tensor]
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Return the gradients of two whole batches that no step trains on, drawn as those are.

    Micro-batch after micro-batch, all by this process. Generators and buffers stay as they were.
    """
    settings = run.spec.training
    seed = seed_for(run.spec.seed, "noise", run.step)
    stream = run.splits.train.stream(batch_size=settings.batch_size, seed=seed)
    with untouched(run.model):
        first, second = (
            _gradients(run, batch, weights, seed=seed, number=number)
            for number, batch in enumerate(islice(stream, 2))
        )
    return first, second


def _gradients(
    run: Run, batch: Batch, weights: Sequence[Tensor], *, seed: int, number: int
) -> tuple[Tensor, ...]:
    settings, count = run.spec.training, run.spec.training.accumulation * parallel.size()
    chunks = zip(*(moved(part, run.device).chunk(count) for part in batch), strict=True)
    parts = [
        run.task.prepare(part, settings, seed=seed, step=number * count + i)
        for i, part in enumerate(chunks)
    ]
    whole = [float(run.task.weight(part)) for part in parts]
    total = tuple(torch.zeros_like(weight) for weight in weights)
    for part, share in zip(parts, whole, strict=True):
        with run.precision.autocast():
            loss = run.task.loss(run.model, part) * (share / sum(whole))
        # Unused: a layer that drop-path switched off in this pass.
        own = torch.autograd.grad(loss, weights, materialize_grads=True)
        for sum_, gradient in zip(total, own, strict=True):
            sum_ += gradient
    return total


def _log_step(run: Run, state: StepState) -> None:
    if state.step % run.spec.statistics.every:
        return
    phases = run.sparsifier.phases(state.step)
    densities = [
        phase.density
        for layer in run.sparsifier.layers
        for phase in [phases[layer.pattern, layer.block.width]]
    ]
    decays = [phase.mask_decay if phase.pattern else 1.0 for phase in phases.values()]
    values = {
        "loss": float(state.loss),
        "learning_rate": state.learning_rate,
        "clip_coefficient": state.clip_coefficient,
        "mask_decay": max(decays, default=1.0),
        "pattern_density": math.fsum(densities) / len(densities) if densities else 1.0,
    }
    run.rows += [CurvePoint(state.step, name, OVERALL, "", value) for name, value in values.items()]
