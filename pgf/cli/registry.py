"""The registry of commands: each with its group in the help text and its own arguments."""

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

RESULTS = Path("results")
COMMITTED = RESULTS / "committed"
"""Folder of the results that git holds; everything else below `RESULTS` is fresh, and ignored."""
Options = argparse.Namespace
Function = Callable[[Options], int | None]
Arguments = Callable[[argparse.ArgumentParser], None]


class Group(Enum):
    """A heading of the help text."""

    RUN = "run an experiment"
    LOOK = "look before running"
    RESULTS = "results"
    COSTS = "costs and machines"
    SELDOM = "called by the workflow, or seldom"
    """Named at the end of the help text, without a line of their own."""


@dataclass(frozen=True)
class Command:
    """A command of the command line."""

    run: Function
    """Returns the exit code; None is 0."""
    add_arguments: Arguments
    takes_experiment: bool
    group: Group

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.run.__doc__ or "").partition("\n")[0]


COMMANDS: dict[str, Command] = {}


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


def command(
    *, group: Group, arguments: Arguments = _none, experiment: bool = True
) -> Callable[[Function], Function]:
    """Register a command under its function's name.

    Args:
        group: the heading under which the help text lists it.
        arguments: adds the command's own arguments to its parser.
        experiment: whether it takes the name of an experiment before them.
    """

    def add(function: Function) -> Function:
        name = function.__name__.removesuffix("_").replace("_", "-")
        COMMANDS[name] = Command(function, arguments, experiment, group)
        return function

    return add


def overview(commands: Mapping[str, Command]) -> str:
    """Return the commands by group, for the help text."""
    parts = []
    for group in Group:
        own = {name: command for name, command in commands.items() if command.group is group}
        if group is Group.SELDOM:
            parts.append(f"{group.value}: {', '.join(sorted(own))}")
        else:
            lines = (f"  {name:<13}{command.summary}" for name, command in own.items())
            parts.append("\n".join([f"{group.value}:", *lines]))
    return "\n\n".join(parts)


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add `--jobs`."""
    import os

    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="jobs that train side by side (%(default)s)",
    )


def add_write(parser: argparse.ArgumentParser, folder: str) -> None:
    """Add `--write`, without which a command prints and leaves `folder` as it is."""
    parser.add_argument("--write", action="store_true", help=f"write the result to {folder} too")


def add_tensorboard(parser: argparse.ArgumentParser) -> None:
    """Add `--tensorboard`."""
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="write TensorBoard events while training: tensorboard --logdir results/NAME/runs",
    )


def add_committed(parser: argparse.ArgumentParser) -> None:
    """Add `--committed`, by which a command works on the committed results."""
    parser.add_argument(
        "--committed",
        action="store_true",
        help=f"work on the committed results, in {COMMITTED}, instead of those trained here",
    )


def results_of(options: Options) -> Path:
    """Return the folder of results that the options ask for."""
    return COMMITTED if options.committed else RESULTS


def say_written(folder: Path, paths: Iterable[Path], things: str) -> None:
    """Print the one line that says what a command wrote, and where.

    Args:
        folder: what the line begins with, for people to open.
        paths: the files; those that differ in their suffix alone are one thing.
        things: what they are, in the plural.
    """
    print(f"{folder}: {len({path.stem for path in paths})} {things}")
