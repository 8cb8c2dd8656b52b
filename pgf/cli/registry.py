"""What the command line knows: every command with its own arguments."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path("results")
Options = argparse.Namespace
Function = Callable[[Options], int | None]
Arguments = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True)
class Command:
    """A command of the command line."""

    run: Function
    """Returns the exit code; None is 0."""
    add_arguments: Arguments
    takes_experiment: bool


COMMANDS: dict[str, Command] = {}


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


def command(
    *, arguments: Arguments = _none, experiment: bool = True
) -> Callable[[Function], Function]:
    """Register a command under its function's name.

    Args:
        arguments: adds the command's own arguments to its parser.
        experiment: whether it takes the name of an experiment before them.
    """

    def add(function: Function) -> Function:
        COMMANDS[function.__name__] = Command(function, arguments, experiment)
        return function

    return add


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add `--jobs`."""
    import os

    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="side by side"
    )
