"""The living state of one run: what is built from its settings, and what a checkpoint holds."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pgf.experiments import RunSpec
from pgf.recipes import Recipe, Target
from pgf.records import add_machine, this_machine
from pgf.seeds import seed_for
from pgf.sparsity import Sparsifier
from pgf.tasks import Splits, Task, make_task
from pgf.training import checkpoints, parallel
from pgf.training.distillation import make_teacher
from pgf.training.evaluation import Evaluation, evaluation_steps
from pgf.training.gradients import GradientStatistics
from pgf.training.losses import Losses
from pgf.training.narrowing import narrowed_to
from pgf.training.observers import CurvePoint, Observer
from pgf.training.optimization import (
    Average,
    Precision,
    Schedule,
    choose_device,
    compiled,
    make_optimizer,
)


@dataclass
class Run:
    """The living state of one run."""

    spec: RunSpec
    task: Task
    splits: Splits
    device: torch.device
    model: nn.Module
    replica: nn.Module
    """The model, or what compiles it and averages its gradients over the run's processes."""
    sparsifier: Sparsifier
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    precision: Precision
    average: Average | None
    observers: list[Observer]
    teacher: nn.Module | None = None
    """The dense model, from the first pruning step of a recipe that distils on."""
    step: int = 0
    """Optimiser steps done."""
    evaluations: list[Evaluation] = field(default_factory=list)
    rows: list[CurvePoint] = field(default_factory=list)
    seconds: float = 0.0
    together: int = 1
    """Runs that train with it, itself included."""
    diverged_at: int | None = None
    losses: Losses = field(default_factory=Losses)
    machines: list[dict[str, Any]] = field(default_factory=list)
    """Machines that have trained the run, this one last."""

    @classmethod
    def make(
        cls, spec: RunSpec, *, task: Task | None = None, splits: Splits | None = None
    ) -> "Run":
        """Build a run from its settings; give `task` and `splits` to reuse them.

        Raises:
            UserError: target and model do not go together, or the data is not there.
        """
        settings = spec.training
        torch.set_num_threads(settings.threads)
        recipe = spec.make_recipe()
        task = narrowed_to(task or make_task(spec.task), recipe, spec.target)
        task.check(settings)
        device = choose_device(settings)
        torch.manual_seed(seed_for(spec.seed, "init"))
        model = task.model().to(device).train()
        sparsifier = _sparsifier(spec, recipe, task, model)
        optimizer = make_optimizer(model, sparsifier, settings)
        statistics = GradientStatistics.make(
            spec.statistics,
            sparsifier=sparsifier,
            references=() if recipe.narrows else spec.references,
            groups=task.groups or None,
        )
        splits = (splits or task.load()).on(device)
        precision = Precision.make(settings, device)
        own = [parallel.rank()] if parallel.rank() else []
        torch.manual_seed(seed_for(spec.seed, "dropout", *own))
        return cls(
            spec=spec,
            task=task,
            splits=splits,
            device=device,
            model=model,
            replica=parallel.averaging(compiled(model, settings.compile), device),
            sparsifier=sparsifier,
            optimizer=optimizer,
            schedule=Schedule.make(optimizer, settings),
            precision=precision,
            average=Average(optimizer, settings.ema_decay) if settings.ema_decay else None,
            observers=[statistics],
            losses=Losses(every=_steps_between_reads(device, precision)),
            machines=[this_machine(device, precision.dtype, splits.fingerprint)],
        )

    @property
    def owes_evaluation(self) -> bool:
        """True if an evaluation is due before the run's next step."""
        settings = self.spec.training
        due = self.step in evaluation_steps(settings.steps, settings.evaluations)
        return due and (not self.evaluations or self.evaluations[-1].step < self.step)

    @property
    def is_done(self) -> bool:
        """True if the run has done all its steps and evaluations."""
        return self.step == self.spec.training.steps and not self.owes_evaluation

    def read_losses(self) -> bool:
        """Read the losses that are still on the device; return whether all are finite.

        At the first that is not the run has diverged: it goes back to that step.
        """
        first = self.losses.first_not_finite()
        if first is not None and self.diverged_at is None:
            self.step = self.diverged_at = first
        return self.diverged_at is None

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs to go on bitwise as if never interrupted."""
        return {
            "fingerprint": self.spec.fingerprint(),
            "step": self.step,
            "seconds": self.seconds,
            "model": {name: _own(value) for name, value in self.model.state_dict().items()},
            "sparsifier": self.sparsifier.state_dict(),
            "teacher": self.teacher.state_dict() if self.teacher else None,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.precision.scaler.state_dict(),
            "average": self.average.ema.module.state_dict() if self.average else {},
            "random": parallel.everyone(checkpoints.random_state()),
            "evaluations": [e.as_dict() for e in self.evaluations],
            "rows": [tuple(row) for row in self.rows],
            "observers": [observer.state_dict() for observer in self.observers],
            "machines": self.machines,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load what `state_dict` returned.

        Raises:
            UserError: precision or data are others here.
        """
        self.machines = add_machine(state["machines"], self.machines[-1])
        self.step, self.seconds = state["step"], state["seconds"]
        self.model.load_state_dict(state["model"])
        self.sparsifier.load_state_dict(state["sparsifier"])
        if state["teacher"] is not None:
            self.teacher = make_teacher(self.model, self.sparsifier)
            self.teacher.load_state_dict(state["teacher"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.precision.scaler.load_state_dict(state["scaler"])
        if self.average:
            self.average.ema.module.load_state_dict(state["average"])
        self.evaluations = [Evaluation(**e) for e in state["evaluations"]]
        self.rows = [CurvePoint(*row) for row in state["rows"]]
        for observer, kept in zip(self.observers, state["observers"], strict=True):
            observer.load_state_dict(kept)
        checkpoints.restore_random_state(state["random"][parallel.rank()])

    def all_rows(self) -> list[CurvePoint]:
        """Return the curves so far."""
        return [*self.rows, *(row for observer in self.observers for row in observer.rows)]


def _sparsifier(spec: RunSpec, recipe: Recipe, task: Task, model: nn.Module) -> Sparsifier:
    return Sparsifier(
        model,
        target=Target.parse(spec.target),
        recipe=recipe,
        total_steps=spec.training.steps,
        mask_seed=seed_for(spec.seed, "mask"),
        groups=task.groups or None,
    )


def _steps_between_reads(device: torch.device, precision: Precision) -> int:
    """Return after how many steps losses are read: at each read a GPU runs out of work."""
    waits = parallel.size() > 1 or precision.scaler.is_enabled()
    return 50 if device.type == "cuda" and not waits else 1


def _own(value: Tensor) -> Tensor:
    """Return a tensor that shares no larger memory: a file would hold all of that."""
    shared = value.untyped_storage().nbytes() > value.numel() * value.element_size()
    return value.clone() if shared else value
