"""Settings of an experiment, checked where they are made."""

from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

MAX_EXACT = 40
"""Most pairs the sign-flip test enumerates: 2^20 sums for each half of them."""

Precision = Literal["auto", "float32", "bfloat16", "float16"]
# Strict: YAML's `true` is no number of steps, and neither is "5".
Count = Annotated[int, Field(ge=1, le=10**12, strict=True)]
Positive = Annotated[float, Field(gt=0, strict=True, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, strict=True)]
Between = Annotated[float, Field(gt=0, lt=1, strict=True)]
Flag = Annotated[bool, Field(strict=True)]

KNOWN_KEYS = ConfigDict(extra="forbid")


@dataclass(frozen=True, kw_only=True, config=KNOWN_KEYS)
class TrainingSettings:
    """Length, optimiser, schedule and evaluation of a run. A step is an optimiser step."""

    steps: Count
    batch_size: Count
    """Samples per optimiser step, all micro-batches together."""
    learning_rate: Positive
    weight_decay: NotNegative = 0.05
    """AdamW's decoupled decay, applied to the dense master weights."""
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: Positive | None = None
    """Adam's epsilon, added to the root of the second moment; None for the optimiser's default."""
    optimizer: str = "adamw"
    """Any optimiser of `timm.optim.create_optimizer_v2`."""
    schedule: str = "cosine"
    """A schedule of `timm.scheduler.create_scheduler_v2`, or `constant`, or `inverse_sqrt`."""
    warmup: Share = 0.05
    """Share of training over which the learning rate rises linearly from 0."""
    min_learning_rate: NotNegative = 0.0
    cooldown: Share = 0.0
    """Share of training at the end that stays at `min_learning_rate`."""
    clip_norm: Positive | None = 1.0
    """Global gradient norm above which gradients are scaled down; None for no clipping."""
    accumulation: Count = 1
    """Micro-batches per optimiser step."""
    precision: Precision = "auto"
    """Autocast type; `auto` is bfloat16 on a GPU that has it, else float32."""
    ema_decay: Between | None = None
    """Decay of an exponential moving average of the master weights; None for none."""
    label_smoothing: Share = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0
    evaluations: Count = 10
    """Evaluations over the course of training, evenly spaced, the last after the last step."""
    checkpoint_every: Count = 500
    """Steps between checkpoints; the last one is removed when the record is written."""
    checkpoint_minutes: Positive = 10.0
    """Minutes after which there is a checkpoint, however few steps were done."""
    keep: Literal["nothing", "model"] = "nothing"
    """`model`: a finished run leaves its model at the strict target in its folder `model/`."""
    processes: Count = 1
    """Processes that share every batch, a GPU each; part of the run because it changes rounding."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    stack: Count = 1
    """Runs of a job that train as one stacked model, for GPUs that a small model leaves idle; part
    of the run because it changes rounding."""
    compile: str | None = None
    """Backend of `torch.compile` for training's passes, such as `inductor`; None where compiling
    would cost more than the run."""
    threads: Annotated[int, Field(ge=1, le=4096, strict=True)] = 1
    """CPU threads of the numerical libraries; part of the run because it changes rounding."""

    @model_validator(mode="after")
    def _fit_together(self) -> "TrainingSettings":
        if self.stack > 1 and (self.processes > 1 or self.compile is not None):
            raise ValueError(
                f"stack {self.stack}: stacked runs train in one process and are not compiled"
            )
        if self.warmup + self.cooldown >= 1:
            raise ValueError(
                f"warmup {self.warmup} and cooldown {self.cooldown} leave nothing of training "
                f"between them: their sum must be below 1"
            )
        if self.batch_size % (self.accumulation * self.processes):
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of accumulation "
                f"{self.accumulation}" + (f" x processes {self.processes}" * (self.processes > 1))
            )
        mixes = bool(self.mixup or self.cutmix)
        if mixes and self.batch_size // (self.accumulation * self.processes) % 2:
            raise ValueError(
                f"mixup and cutmix pair samples up: batch_size {self.batch_size} "
                "/ (accumulation x processes) must be even"
            )
        return self


@dataclass(frozen=True, kw_only=True, config=KNOWN_KEYS)
class StatisticsSettings:
    """Steps between samples of the gradient statistics."""

    every: Count = 25
    """Steps between samples of what costs a few reductions."""
    noise_every: Count = 100
    """Steps between samples of the gradient noise, which costs two more forward and backward
    passes; a multiple of `every`."""

    @model_validator(mode="after")
    def _fit_together(self) -> "StatisticsSettings":
        if self.noise_every % self.every:
            raise ValueError(
                f"noise_every {self.noise_every} must be a multiple of every {self.every}"
            )
        return self


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


@dataclass(frozen=True, kw_only=True, config=KNOWN_KEYS)
class PublishedSettings:
    """Selects the paper's numbers to show beside a task's own (`configs/paper/tables.csv`)."""

    table: str
    model: str
    metric: str
    same_setup: Flag = False
    """True if model, data and metric are the paper's, so that values can be compared."""


@dataclass(frozen=True, kw_only=True, config=KNOWN_KEYS)
class AnalysisSettings:
    """The rule by which runs are compared, fixed before they start."""

    about: str = ""
    """Sentences at the top of the results page: the tasks, models and data."""
    baselines: tuple[str, ...] = ()
    """Recipes (by column name) that all others are compared with, paired by seed."""
    confidence: Between = 0.95
    """Level of the intervals in the cells and of the paired differences."""
    alpha: Between = 0.05
    """A difference counts as found when the p of the paired t-test is at most this."""
    measure: Literal["loss", "metric"] = "loss"
    """Measure by which runs are compared: the held-out loss, or the task's metric."""
    margin: Positive = 5.0
    """Smallest difference that matters, in points of recovered share."""
    same_setup: tuple[str, ...] = ()
    """Tasks of the paper's model, data and metric that no table of it has numbers for."""
    figure_targets: Annotated[tuple[str, ...], Field(max_length=3)] = ()
    """Targets of the figure `metric_over_training`, in their text form; by default spread."""
    published: dict[str, tuple[PublishedSettings, ...]] = field(default_factory=dict)
    """Task name -> the paper's numbers to show beside it, those of most weight first."""
