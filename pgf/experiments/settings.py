"""How one run trains: plain values, checked where they are made.

Standard-library dataclasses, so that a training machine needs no configuration library; the YAML
side (`pgf.experiments.config`) validates into them.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from pgf.errors import UserError

MAX_EXACT = 40
"""Most pairs the sign-flip test enumerates: 2^20 sums for each half of them."""
Precision = Literal["auto", "float32", "bfloat16", "float16"]


def _require(condition: bool, text: str) -> None:
    if not condition:
        raise UserError(text)


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Length, optimiser, schedule and evaluation of a run. A step is an optimiser step."""

    steps: int
    batch_size: int
    """Samples per optimiser step, all micro-batches together."""
    learning_rate: float
    weight_decay: float = 0.05
    """AdamW's decoupled decay, applied to the dense master weights."""
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float | None = None
    """What is added to the root of Adam's second moment; None for the optimiser's own."""
    optimizer: str = "adamw"
    """Any optimiser of `timm.optim.create_optimizer_v2`."""
    schedule: str = "cosine"
    """A schedule of `timm.scheduler.create_scheduler_v2`, or `constant`, or `inverse_sqrt`."""
    warmup: float = 0.05
    """Share of training over which the learning rate rises linearly from 0."""
    min_learning_rate: float = 0.0
    cooldown: float = 0.0
    """Share of training at the end that stays at `min_learning_rate`."""
    clip_norm: float | None = 1.0
    """Global gradient norm above which gradients are scaled down; None for no clipping."""
    accumulation: int = 1
    """Micro-batches per optimiser step."""
    precision: Precision = "auto"
    """Autocast type; `auto` is bfloat16 on a GPU that has it, else float32."""
    ema_decay: float | None = None
    """Decay of an exponential moving average of the master weights; None for none."""
    label_smoothing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    evaluations: int = 10
    """Evaluations over the course of training, evenly spaced, the last after the last step."""
    checkpoint_every: int = 500
    """Steps between checkpoints; the last one is removed when the record is written."""
    checkpoint_minutes: float = 10.0
    """Minutes after which there is a checkpoint, however few steps were done."""
    processes: int = 1
    """Processes that share every batch, a GPU each; part of the run because it changes rounding."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    stack: int = 1
    """Runs of a job that train as one stacked model, for GPUs that a small model leaves idle; part
    of the run because it changes rounding."""
    compile: str | None = None
    """Backend of `torch.compile` for training's passes, such as `inductor`; None where compiling
    would cost more than the run."""
    threads: int = 1
    """CPU threads of the numerical libraries; part of the run because it changes rounding."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulation", "evaluations", "checkpoint_every"):
            _require(getattr(self, name) >= 1, f"{name} must be at least 1: {getattr(self, name)}")
        _require(self.threads >= 1, f"threads must be at least 1: {self.threads}")
        _require(
            self.checkpoint_minutes > 0,
            f"checkpoint_minutes must be positive: {self.checkpoint_minutes}",
        )
        _require(self.stack >= 1, f"stack must be at least 1: {self.stack}")
        _require(
            self.stack == 1 or (self.processes == 1 and self.compile is None),
            f"stack {self.stack}: stacked runs train in one process and are not compiled",
        )
        _require(self.processes >= 1, f"processes must be at least 1: {self.processes}")
        _require(self.learning_rate > 0, f"learning_rate must be positive: {self.learning_rate}")
        _require(0 <= self.warmup < 1, f"warmup is a share of training, in [0, 1): {self.warmup}")
        _require(
            self.cooldown >= 0 and self.warmup + self.cooldown < 1,
            f"cooldown is a share of training, below 1 with warmup: {self.cooldown}",
        )
        _require(
            self.clip_norm is None or self.clip_norm > 0,
            f"clip_norm must be positive, or null for none: {self.clip_norm}",
        )
        _require(
            all(0 <= beta < 1 for beta in self.betas), f"betas must lie in [0, 1): {self.betas}"
        )
        _require(
            self.epsilon is None or self.epsilon > 0, f"epsilon must be positive: {self.epsilon}"
        )
        _require(self.weight_decay >= 0, f"weight_decay must not be negative: {self.weight_decay}")
        _require(self.min_learning_rate >= 0, "min_learning_rate must not be negative")
        _require(self.mixup >= 0 and self.cutmix >= 0, "mixup and cutmix must not be negative")
        _require(
            0 <= self.label_smoothing < 1,
            f"label_smoothing is a share, in [0, 1): {self.label_smoothing}",
        )
        _require(
            self.batch_size % (self.accumulation * self.processes) == 0,
            f"batch_size {self.batch_size} is not a multiple of accumulation {self.accumulation}"
            + (f" x processes {self.processes}" if self.processes > 1 else ""),
        )
        _require(
            not (self.mixup or self.cutmix)
            or self.batch_size // (self.accumulation * self.processes) % 2 == 0,
            f"mixup and cutmix pair samples up: batch_size {self.batch_size} "
            "/ (accumulation x processes) must be even",
        )
        _require(
            self.ema_decay is None or 0 < self.ema_decay < 1,
            f"ema_decay must lie between 0 and 1, or be null: {self.ema_decay}",
        )


@dataclass(frozen=True, kw_only=True)
class StatisticsSettings:
    """How often the gradient statistics are taken, in optimiser steps."""

    every: int = 25
    """Steps between samples of what costs a few reductions."""
    noise_every: int = 100
    """Steps between samples of the gradient noise, which costs one more forward and backward
    pass; a multiple of `every`."""

    def __post_init__(self) -> None:
        _require(self.every >= 1, f"statistics.every must be at least 1: {self.every}")
        _require(
            self.noise_every >= 1 and self.noise_every % self.every == 0,
            f"statistics.noise_every {self.noise_every} must be a multiple of every {self.every}",
        )


@dataclass(frozen=True, kw_only=True)
class RecipeSettings:
    """A recipe with its settings, as one column of the tables."""

    name: str
    """The column's own name, used in paths."""
    kind: str
    """Name in the recipe registry, or `module:Class`."""
    label: str
    """Heading in tables and figures."""
    options: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments of the recipe class."""


@dataclass(frozen=True, kw_only=True)
class TaskSettings:
    """A task with its options, as one part of an experiment."""

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PublishedSettings:
    """Which of the paper's numbers stand beside a task's own (`configs/paper/tables.csv`)."""

    table: str
    model: str
    metric: str
    same_setup: bool = False
    """Whether the task is the paper's own, so that a difference of values means something."""


@dataclass(frozen=True, kw_only=True)
class AnalysisSettings:
    """How runs are compared: the decision rule, fixed before they start."""

    baselines: tuple[str, ...] = ()
    """Recipes (by column name) that all others are compared with, paired by seed."""
    confidence: float = 0.95
    """Level of the intervals in the cells and of the paired differences."""
    alpha: float = 0.05
    """A difference counts as found when its Holm-corrected exact p is at most this."""
    published: dict[str, tuple[PublishedSettings, ...]] = field(default_factory=dict)
    """Task name -> the paper's numbers to show beside it, those of most weight first."""

    def __post_init__(self) -> None:
        _require(0 < self.confidence < 1, f"confidence must lie in (0, 1): {self.confidence}")
        _require(0 < self.alpha < 1, f"alpha must lie in (0, 1): {self.alpha}")
