"""The command line: `python -m pgf COMMAND EXPERIMENT`; the rules of the workflow call the same."""

import argparse
import errno
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from pgf.cli import COMMANDS
from pgf.errors import UserError

EXIT_BAD_INPUT = 2


def parser() -> argparse.ArgumentParser:
    """Return the parser; every command names its function."""
    top = argparse.ArgumentParser(
        prog="python -m pgf",
        description="N:M sparse training recipes, compared. EXPERIMENT is the name of a file in "
        "configs/ or the path of one.",
    )
    actions = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        text = command.run.__doc__ or ""
        action = actions.add_parser(name, help=text.partition("\n")[0], description=text)
        if command.takes_experiment:
            action.add_argument("experiment", metavar="EXPERIMENT")
        action.set_defaults(function=command.run)
        command.add_arguments(action)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return 0, 2 for bad input, or what Snakemake returned."""
    options = parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger().handlers[0].setLevel(logging.WARNING)
    logging.getLogger("pgf").setLevel(logging.INFO)
    try:
        return int(options.function(options) or 0)
    except UserError as error:
        print(f"pgf: {error}", file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        where = f" for {Path(error.filename).parent}" if error.filename else ""
        print(
            f"pgf: no space left on the disk{where}; finished runs are kept: free some space and "
            f"run the same command again",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("pgf: interrupted; finished runs are kept", file=sys.stderr)
        return 130
    return EXIT_BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())
