"""Optimiser, schedule, precision and averaging, from timm and torch."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from timm.optim import create_optimizer_v2, list_optimizers, param_groups_weight_decay
from timm.scheduler import create_scheduler_v2
from timm.scheduler.scheduler import Scheduler
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from pgf.errors import UserError, nearest
from pgf.experiments import TrainingSettings
from pgf.recipes import LearnsScores
from pgf.sparsity import Sparsifier

GRAPHS = "reduce-overhead"
"""Compiled by inductor, and replayed as CUDA graphs: a pass is one launch (torch's own name)."""
NEVER_DOWN = ("constant", "inverse_sqrt", "step", "multistep")
"""Schedules that do not come down to a least learning rate."""
SCHEDULES = ("cosine", "tanh", "poly", *NEVER_DOWN)
"""timm's schedules that are functions of the step alone, and two that language models are trained
by; timm's `plateau` is not, and cannot resume."""


def choose_device(settings: TrainingSettings) -> torch.device:
    """Return the device of the settings.

    Raises:
        UserError: CUDA is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if settings.device == "cuda" and not available:
        raise UserError("training.device is cuda, but torch sees no GPU; use auto or cpu")
    return torch.device("cuda" if available and settings.device != "cpu" else "cpu")


def check_optimization(settings: TrainingSettings) -> None:
    """Check that timm knows the optimiser and the schedule.

    Raises:
        UserError: it does not, and what is the nearest it knows; or the schedule has no cooldown.
    """
    optimizers = list_optimizers()
    if settings.optimizer not in optimizers:
        hint = nearest(settings.optimizer, optimizers)
        raise UserError(f"training.optimizer: timm has no optimiser '{settings.optimizer}': {hint}")
    if settings.schedule not in SCHEDULES:
        hint = nearest(settings.schedule, SCHEDULES)
        raise UserError(f"training.schedule: no schedule '{settings.schedule}': {hint}")
    if settings.schedule == "inverse_sqrt" and not settings.warmup:
        raise UserError("training.warmup: the schedule 'inverse_sqrt' begins where a warm-up ends")
    if settings.compile is not None:
        backends = [GRAPHS, *torch.compiler.list_backends(exclude_tags=())]
        if settings.compile not in backends:
            hint = nearest(settings.compile, backends)
            raise UserError(f"training.compile: torch has no backend '{settings.compile}': {hint}")
    if settings.compile == GRAPHS and settings.accumulation > 1:
        raise UserError(
            f"training.compile: {GRAPHS} keeps the gradients of one micro-batch alone; "
            f"it needs an accumulation of 1, which is {settings.accumulation}"
        )
    if settings.cooldown and settings.schedule in NEVER_DOWN:
        raise UserError(
            f"training.cooldown: the schedule '{settings.schedule}' never comes down to "
            f"min_learning_rate; it needs a cooldown of 0"
        )


def compiled(model: nn.Module, backend: str | None) -> nn.Module:
    """Return a model whose passes are compiled; it shares the parameters of the one given.

    Recipes write into parameters between the passes, so no value of theirs is part of a graph.

    Args:
        model: the model.
        backend: one of torch's, or "reduce-overhead" for inductor with CUDA graphs; None compiles
            nothing.
    """
    if backend is None:
        return model
    if backend == GRAPHS:
        return cast(nn.Module, torch.compile(model, mode=backend))
    return cast(nn.Module, torch.compile(model, backend=backend))


def make_optimizer(
    model: nn.Module, sparsifier: Sparsifier, settings: TrainingSettings
) -> torch.optim.Optimizer:
    """Return timm's optimiser over masters and dense parameters.

    Biases, norms and what the model names in `no_weight_decay` are not decayed; masters are.
    """
    exempt: Collection[str] = getattr(model, "no_weight_decay", tuple)()
    masters = {
        id(parameter): sparsifier.optimizer_parameter(name, parameter)
        for name, parameter in model.named_parameters()
    }
    groups = [
        {**group, "params": [masters[id(p)] for p in group["params"]]}
        for group in param_groups_weight_decay(
            model, weight_decay=settings.weight_decay, no_weight_decay_list=exempt
        )
    ]
    if sparsifier.scores:
        assert isinstance(sparsifier.recipe, LearnsScores)
        rate = sparsifier.recipe.score_rate * settings.learning_rate
        own = {"params": list(sparsifier.scores.values()), "weight_decay": 0.0, "lr": rate}
        groups.append(own)
    options: dict[str, Any] = {}
    if settings.optimizer == "adamw":
        # One kernel for all parameters: on small models the optimiser is mostly launch overhead.
        options = {"betas": settings.betas, "fused": True}
    elif settings.optimizer.startswith(("adam", "nadam")):
        options = {"betas": settings.betas}
    if settings.epsilon is not None:
        options["eps"] = settings.epsilon
    optimizer = create_optimizer_v2(
        groups,
        opt=settings.optimizer,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        **options,
    )
    sparsifier.bind(optimizer)
    return optimizer


class InverseSquareRoot(Scheduler):  # type: ignore[misc]  # timm has no types
    """A linear warm-up, then the peak times sqrt(warm-up / step) (arXiv 1706.03762, equation 3)."""

    def __init__(self, optimizer: torch.optim.Optimizer, *, warmup: int) -> None:
        super().__init__(optimizer, param_group_field="lr")
        self.warmup = max(1, warmup)

    def _get_lr(self, t: float) -> list[float]:
        factor = min(t / self.warmup, (self.warmup / max(t, 1)) ** 0.5)
        return [factor * base for base in self.base_values]


@dataclass(frozen=True)
class Schedule:
    """The learning rate as a function of the step alone."""

    scheduler: Scheduler

    @classmethod
    def make(cls, optimizer: torch.optim.Optimizer, settings: TrainingSettings) -> "Schedule":
        """Return timm's schedule, its unit being a step."""
        if settings.schedule == "inverse_sqrt":
            return cls(InverseSquareRoot(optimizer, warmup=round(settings.warmup * settings.steps)))
        constant = settings.schedule == "constant"
        scheduler, _ = create_scheduler_v2(
            optimizer,
            sched="step" if constant else settings.schedule,
            decay_rate=1.0 if constant else 0.1,
            num_epochs=settings.steps - round(settings.cooldown * settings.steps),
            warmup_epochs=round(settings.warmup * settings.steps),
            warmup_lr=0.0,
            min_lr=settings.min_learning_rate,
        )
        return cls(scheduler)

    def set(self, step: int) -> float:
        """Set the learning rate of a step, taken at its middle, and return it."""
        # At its beginning the first step of the warm-up would be lost, at its end the last one.
        self.scheduler.step(step + 0.5)
        return float(self.scheduler.optimizer.param_groups[0]["lr"])


@dataclass(frozen=True)
class Precision:
    """Autocast type and, for float16 alone, a gradient scaler."""

    device_type: str
    dtype: torch.dtype
    scaler: torch.amp.GradScaler

    @classmethod
    def make(cls, settings: TrainingSettings, device: torch.device) -> "Precision":
        """Return what the settings ask for; `auto` is bfloat16 on a GPU that has it."""
        name: str = settings.precision
        if name == "auto":
            has_bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
            name = "bfloat16" if has_bfloat16 else "float32"
        scaler = torch.amp.GradScaler(device.type, enabled=name == "float16")
        return cls(device.type, getattr(torch, name), scaler)

    def autocast(self) -> torch.autocast:
        """Return the context of a forward pass."""
        return torch.autocast(
            self.device_type, dtype=self.dtype, enabled=self.dtype is not torch.float32
        )


class Average:
    """Moving average of what the optimiser owns, by timm's ModelEmaV3.

    It is the masters that are averaged; evaluation masks the average anew, since an average of
    effective weights would not be N:M.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, decay: float) -> None:
        self.parameters = nn.ParameterList(
            p for group in optimizer.param_groups for p in group["params"]
        )
        self.ema = ModelEmaV3(self.parameters, decay=decay)

    def update(self) -> None:
        """Take in the parameters as they are now."""
        self.ema.update(self.parameters)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Hold the averages in the parameters; then restore them."""
        saved = [p.detach().clone() for p in self.parameters]
        self._write(list(self.ema.module))
        try:
            yield
        finally:
            self._write(saved)

    @torch.no_grad()
    def _write(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)
