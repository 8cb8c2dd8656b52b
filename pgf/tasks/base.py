"""The base class of tasks: a model, data, a loss and a metric, and nothing about sparsity."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

from torch import Tensor, nn

from pgf.experiments import TaskSettings, TrainingSettings, validated
from pgf.recipes import Registry
from pgf.tasks.data.streams import Batch, Splits


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A task; its dataclass fields are the options a config may give."""

    metric: ClassVar[str]
    """Name of the metric in records and tables."""
    higher_is_better: ClassVar[bool] = True

    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Layer groups by regular expressions on module names, in place of the built-in rules."""

    @abstractmethod
    def model(self) -> nn.Module:
        """Return a fresh model, initialised from the global generator."""

    @abstractmethod
    def example(self) -> Batch:
        """Return one made-up sample in the shape of the data, to count operations with."""

    @abstractmethod
    def load(self) -> Splits:
        """Return the data.

        Raises:
            UserError: it is not there, or not what the options say.
        """

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the mean training loss of a batch, a scalar."""

    @abstractmethod
    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        """Return the metric under its name, and `evaluation_loss`."""

    def as_the_paper_counts(self) -> "Task":
        """Return the task whose model has only what the paper's FLOPs formula has."""
        return self

    def narrower(self) -> Iterator["Task"]:
        """Yield the task with narrower and narrower models; nothing if it has no other sizes."""
        return iter(())

    def wider_feed_forward(self, more: int) -> "Task | None":
        """Return the task with feed-forward layers wider by `more`; None if they have no size."""
        del more
        return None

    def check(self, settings: TrainingSettings) -> None:
        """Check that the task can be trained so.

        Raises:
            UserError: a setting that it cannot follow.
        """
        del settings

    def weight(self, batch: Batch) -> float:
        """Return what a batch's loss is the mean over: micro-batches count by it."""
        return float(len(batch[0]))

    def files(self) -> Mapping[str, str]:
        """Return texts to keep beside the record, by file name, such as a tokenizer."""
        return {}

    def about(self) -> Mapping[str, str]:
        """Return further entries of the record, once the task has been evaluated."""
        return {}

    def prepare(self, batch: Batch, settings: TrainingSettings, *, seed: int, step: int) -> Batch:
        """Return the batch as the loss wants it; mixing of samples goes here."""
        del settings, seed, step
        return batch


TASKS: Registry[type[Task]] = Registry("task", base=Task, group="pgf.tasks")
T = TypeVar("T", bound=Task)


def register(name: str) -> Callable[[type[T]], type[T]]:
    """Return the class decorator that adds a task to the registry under `name`."""

    def add(cls: type[T]) -> type[T]:
        TASKS.register(name)(cls)
        return cls

    return add


def make_task(settings: TaskSettings) -> Task:
    """Return a task with its options, checked and converted.

    Raises:
        UserError: no task of that name, an option it does not have, or a value it cannot take.
    """
    return validated(find_task(settings.kind), settings.options, "options")


def find_task(name: str) -> type[Task]:
    """Return the task class of a name.

    `name` is a built-in name, an entry point of the group `pgf.tasks`, `module:Class` with a
    module importable from the current folder, or `path/to/file.py:Class` with a file below it.

    Raises:
        UserError: nothing has that name, or what has it is no task.
    """
    return TASKS.find(name)
