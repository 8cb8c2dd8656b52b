"""The training loop: one run from its settings to its evaluations and curves."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from pgf import checkpoints
from pgf.data.streams import Batch, Splits
from pgf.evaluation import Evaluation, evaluate, evaluation_steps, is_at_target
from pgf.gradients import GradientStatistics
from pgf.observers import Observer, Row, StepState
from pgf.optimization import Average, Precision, Schedule, choose_device, make_optimizer
from pgf.patterns import Target
from pgf.records import OVERALL
from pgf.runs import RunSpec
from pgf.saliency import fix_saliency_masks
from pgf.seeds import seed_for
from pgf.sparsifier import Sparsifier
from pgf.tasks import Task, make_task


@dataclass
class Run:
    """The living state of one run."""

    spec: RunSpec
    task: Task
    splits: Splits
    device: torch.device
    model: nn.Module
    sparsifier: Sparsifier
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    precision: Precision
    average: Average | None
    observers: list[Observer]
    step: int = 0
    """Optimiser steps done."""
    evaluations: list[Evaluation] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    diverged_at: int | None = None

    @classmethod
    def make(
        cls, spec: RunSpec, *, task: Task | None = None, splits: Splits | None = None
    ) -> "Run":
        """Build a run from its settings; task and data spare making what is at hand.

        Raises:
            UserError: target and model do not go together, or the data is not there.
        """
        settings = spec.training
        torch.set_num_threads(settings.threads)
        task = task or make_task(spec.task)
        task.check(settings)
        device = choose_device(settings)
        torch.manual_seed(seed_for(spec.seed, "init"))
        model = task.model().to(device).train()
        sparsifier = Sparsifier(
            model,
            target=Target.parse(spec.target),
            recipe=spec.make_recipe(),
            total_steps=settings.steps,
            mask_seed=seed_for(spec.seed, "mask"),
            groups=task.groups or None,
        )
        optimizer = make_optimizer(model, sparsifier, settings)
        statistics = GradientStatistics.make(
            spec.statistics,
            sparsifier=sparsifier,
            references=spec.references,
            groups=task.groups or None,
        )
        torch.manual_seed(seed_for(spec.seed, "dropout"))
        return cls(
            spec=spec,
            task=task,
            splits=splits or task.load(),
            device=device,
            model=model,
            sparsifier=sparsifier,
            optimizer=optimizer,
            schedule=Schedule.make(optimizer, settings),
            precision=Precision.make(settings, device),
            average=Average(optimizer, settings.ema_decay) if settings.ema_decay else None,
            observers=[statistics],
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs to go on bitwise as if never interrupted."""
        return {
            "fingerprint": self.spec.fingerprint(),
            "step": self.step,
            "seconds": self.seconds,
            "model": self.model.state_dict(),
            "sparsifier": self.sparsifier.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.precision.scaler.state_dict(),
            "average": self.average.ema.module.state_dict() if self.average else {},
            "random": checkpoints.random_state(),
            "evaluations": [e.as_dict() for e in self.evaluations],
            "rows": [tuple(row) for row in self.rows],
            "observers": [observer.state_dict() for observer in self.observers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned."""
        self.step, self.seconds = state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.sparsifier.load_state_dict(state["sparsifier"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.ema.module.load_state_dict(state["average"])
        self.evaluations = [Evaluation(**e) for e in state["evaluations"]]
        self.rows = [Row(*row) for row in state["rows"]]
        for observer, kept in zip(self.observers, state["observers"], strict=True):
            observer.load_state_dict(kept)
        checkpoints.restore_random_state(state["random"])

    def all_rows(self) -> list[Row]:
        """Return the curves so far."""
        return [*self.rows, *(row for observer in self.observers for row in observer.rows)]


def train(
    run: Run, *, checkpoint: Path | None = None, progress: Callable[[Run], None] | None = None
) -> Run:
    """Train a run to its end, or to where a training or evaluation loss is no number any more.

    Args:
        run: fresh, or resumed by `load_state_dict`.
        checkpoint: where to keep the state, every `checkpoint_every` steps; None for nowhere.
        progress: called after every step.
    """
    settings = run.spec.training
    evaluate_after = evaluation_steps(settings.steps, settings.evaluations)
    stream = run.splits.train.stream(
        batch_size=settings.batch_size, seed=run.spec.seed, first_step=run.step
    )
    began = perf_counter() - run.seconds
    while run.step < settings.steps:
        loss = training_step(run, next(stream))
        run.seconds = perf_counter() - began
        if not math.isfinite(loss):
            run.diverged_at = run.step
            return run
        run.step += 1
        if run.step in evaluate_after:
            values = _evaluate(run)
            run.seconds = perf_counter() - began
            if not all(map(math.isfinite, values.values())):
                run.diverged_at = run.step
                return run
        if checkpoint and run.step % settings.checkpoint_every == 0 and run.step < settings.steps:
            checkpoints.save(checkpoint, run.state_dict())
        if progress:
            progress(run)
    return run


def training_step(run: Run, batch: Batch) -> float:
    """Do one optimiser step and return its mean loss; without the update if that is not finite."""
    settings, scaler = run.spec.training, run.precision.scaler
    drawn = (batch[0].to(run.device), batch[1].to(run.device))
    batch = run.task.prepare(drawn, settings, seed=run.spec.seed, step=run.step)
    micro_batches = list(zip(*(part.chunk(settings.accumulation) for part in batch), strict=True))
    weights = [run.task.weight(micro_batch) for micro_batch in micro_batches]
    fix_saliency_masks(
        run.task, run.sparsifier, micro_batches, step=run.step, precision=run.precision
    )
    run.sparsifier.refresh(run.step)
    learning_rate = run.schedule.set(run.step)
    total = 0.0
    for micro_batch, weight in zip(micro_batches, weights, strict=True):
        with run.precision.autocast():
            loss = run.task.loss(run.model, micro_batch) * (weight / sum(weights))
        scaler.scale(loss).backward()
        total += float(loss.detach())
    if not math.isfinite(total):
        return total
    run.sparsifier.take_gradients()
    scaler.unscale_(run.optimizer)
    run.sparsifier.apply_gradient_rule()
    coefficient = _clip(run.optimizer, settings.clip_norm)
    state = StepState(
        step=run.step,
        loss=total,
        learning_rate=learning_rate,
        clip_coefficient=coefficient,
        model=run.model,
        sparsifier=run.sparsifier,
        optimizer=run.optimizer,
        half_losses=lambda: _half_losses(run, drawn),
    )
    for observer in run.observers:
        observer.before_update(state)
    _log_step(run, state)
    scaler.step(run.optimizer)
    scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    if run.average:
        run.average.update()
    return total


def _clip(optimizer: torch.optim.Optimizer, limit: float | None) -> float:
    """Scale all gradients to a global norm of at most `limit`; return the factor."""
    if limit is None:
        return 1.0
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = torch.nn.utils.clip_grad_norm_(parameters, limit)
    return min(1.0, limit / (float(norm) + 1e-6))


def _half_losses(run: Run, drawn: Batch) -> tuple[Tensor, Tensor, float] | None:
    """Return the losses of two halves of a micro-batch, leaving generators and buffers alone.

    Samples are mixed within each half: halves of a mixed batch would share their images.
    """
    settings = run.spec.training
    half = len(drawn[0]) // settings.accumulation // 4 * 2
    if half == 0:
        return None
    buffers = {name: buffer.clone() for name, buffer in run.model.named_buffers()}
    devices = [run.device] if run.device.type == "cuda" else []
    losses = []
    with torch.random.fork_rng(devices=devices), run.precision.autocast():
        for i in range(2):
            part = (drawn[0][i * half : (i + 1) * half], drawn[1][i * half : (i + 1) * half])
            # The batch itself is mixed under the seeds of steps 0 .. steps - 1.
            mixing = (i + 1) * settings.steps + run.step
            part = run.task.prepare(part, settings, seed=run.spec.seed, step=mixing)
            losses.append(run.task.loss(run.model, part))
    for name, buffer in run.model.named_buffers():
        buffer.data.copy_(buffers[name])
    return losses[0], losses[1], half / settings.batch_size


def _log_step(run: Run, state: StepState) -> None:
    if state.step % run.spec.statistics.every:
        return
    phases = run.sparsifier.phases(state.step)
    densities = [
        phase.pattern.density if phase.pattern else 1.0
        for layer in run.sparsifier.layers
        for phase in [phases[layer.pattern, layer.block.width]]
    ]
    decays = [phase.mask_decay if phase.pattern else 1.0 for phase in phases.values()]
    values = {
        "loss": state.loss,
        "learning_rate": state.learning_rate,
        "clip_coefficient": state.clip_coefficient,
        "mask_decay": max(decays, default=1.0),
        "pattern_density": math.fsum(densities) / len(densities) if densities else 1.0,
    }
    run.rows += [Row(state.step, name, OVERALL, "", value) for name, value in values.items()]


def _evaluate(run: Run) -> dict[str, float]:
    values = evaluate(
        run.task,
        run.model,
        run.splits,
        sparsifier=run.sparsifier,
        average=run.average,
        precision=run.precision,
    )
    at_target = is_at_target(run.sparsifier, run.step - 1)
    run.evaluations.append(Evaluation(run.step, values, at_target))
    columns = {**values, "at_target": float(at_target)}
    run.rows += [Row(run.step, name, OVERALL, "", value) for name, value in columns.items()]
    return values
