"""The command `gpu`: all that needs a GPU, within so many minutes."""

import argparse
import math
import sys
from pathlib import Path

from pgf.cli.registry import Group, Options, command
from pgf.errors import UserError

FOLDER = Path("results") / "gpu"
TRAINED = ("laptop",)


def _add_gpu(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--minutes", type=float, default=12.0, metavar="N", help="for all of it (%(default)g)"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, metavar="DIR", help="where to write (%(default)s)"
    )
    parser.add_argument(
        "--train",
        action="append",
        metavar="NAME",
        help=f"an experiment for the time that is left; may be repeated ({', '.join(TRAINED)})",
    )
    parser.add_argument("--measure", metavar="PART", help="only measure this part of the bench")


@command(group=Group.COSTS, arguments=_add_gpu, experiment=False)
def gpu(options: Options) -> int:
    """Test, measure and train on this machine's GPU, in this order, within so many minutes.

    Every piece is a process with a time of its own, and leaves its result as soon as it ends.
    Without a GPU it is a rehearsal: the same pieces with small sizes on the CPU, marked as such.
    """
    if not 0 < options.minutes < math.inf:
        raise UserError(f"--minutes must be positive: {options.minutes:g}")
    from pgf.costs import measure_part, use_gpu
    from pgf.experiments import load_experiment

    if options.measure:
        measure_part(options.measure, options.folder, tell=_tell)
        return 0
    names = options.train or list(TRAINED)
    for name in names:
        load_experiment(name)
    page, right = use_gpu(options.folder, names, minutes=options.minutes, tell=_tell)
    print(page)
    return 0 if right else 1


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
