"""The command line: `pgf COMMAND ...`, or `python -m pgf COMMAND ...` from the project's folder."""

import argparse
import errno
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pgf.cli import COMMANDS, overview
from pgf.errors import DISK_FULL, UserError, nearest

EXIT_BAD_INPUT = 2
EXIT_CTRL_C = 130
EXIT_BROKEN_PIPE = 141
"""As of a program that SIGPIPE ends: not all was done or said."""
UNUSABLE = (
    *(errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)
"""Errors of a path that somebody gave or made, and no faults of pgf."""


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals are one sentence, as all others are."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; `{self.prog} --help` explains")


def parser() -> argparse.ArgumentParser:
    """Return the parser; every command names its function."""
    top = _Parser(
        prog="pgf",
        usage="pgf COMMAND [EXPERIMENT] [options]",
        description="N:M sparse training recipes, compared.\n\n" + overview(COMMANDS),
        epilog="EXPERIMENT is the name of a file in configs/, or the path of one. "
        "`pgf COMMAND --help` explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS
    )
    for name, command in COMMANDS.items():
        action = actions.add_parser(
            name,
            prog=f"pgf {name}",
            description=command.run.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command.takes_experiment:
            action.add_argument(
                "experiment", metavar="EXPERIMENT", help="a name in configs/, or a path"
            )
        action.set_defaults(function=command.run)
        command.add_arguments(action)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code, also 2 for bad input and 130 after Ctrl-C."""
    _log_to_stderr()
    try:
        options = _parse(sys.argv[1:] if arguments is None else arguments)
        code = int(options.function(options) or 0)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"pgf: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        if (error.name or "pgf").partition(".")[0] == "pgf":
            raise
        print(
            f'pgf: this command needs {error.name}: pip install ".[suite]" in the project\'s '
            f"folder, or `make reproduce`",
            file=sys.stderr,
        )
    except BrokenPipeError:  # whoever read the output has seen enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except OSError as error:
        if error.errno not in (*DISK_FULL, *UNUSABLE):
            raise
        print(f"pgf: {_said_of_files(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("pgf: interrupted; finished runs and checkpoints are kept", file=sys.stderr)
        return EXIT_CTRL_C
    return EXIT_BAD_INPUT


def _said_of_files(error: OSError) -> str:
    """Return what is wrong with the disk or a file's place on it, and what to do."""
    if error.errno in DISK_FULL:
        where = f" for {Path(error.filename).parent}" if error.filename else ""
        return (
            f"no space left on the disk{where}; finished runs are kept: free some space and run "
            f"the same command again"
        )
    return (
        f"{error.filename or 'a file'} cannot be used ({error.strerror}): make the path free and "
        f"writable, and run the same command again"
    )


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options; a name that nothing has is refused before anything is imported."""
    if not arguments:
        return parser().parse_args(["--help"])
    name = arguments[0]
    if not name.startswith("-") and name not in COMMANDS:
        raise UserError(f"no command '{name}': {nearest(name, COMMANDS)}")
    options = parser().parse_args(arguments)
    if COMMANDS[options.command].takes_experiment:
        from pgf.experiments import experiment_path

        experiment_path(options.experiment)
    return options


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    logging.getLogger("pgf").setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
