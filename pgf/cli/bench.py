"""The command `bench`: times and memory of masks, steps and sweeps, measured on this machine."""

import argparse
import sys
import tempfile
from pathlib import Path

from pgf.cli.registry import COMMITTED, Group, Options, add_write, command


def _add_bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parts", nargs="*", metavar="PART", help="masks, steps, sweep ...; or all")
    add_write(parser, "results/committed/bench")


@command(group=Group.COSTS, arguments=_add_bench, experiment=False)
def bench(options: Options) -> None:
    """Measure the cost of masks, steps, memory and sweeps on this machine."""
    from pgf.costs import BENCH_FOLDER, find_part, part_names, write_bench, write_summary

    measures = {name: find_part(name) for name in options.parts or part_names()}
    with tempfile.TemporaryDirectory() as unkept:
        folder = COMMITTED / BENCH_FOLDER if options.write else Path(unkept)
        for name, measure in measures.items():
            part = measure(lambda text: print(text, file=sys.stderr))
            data, page = write_bench({name: part}, folder)
        print(page.read_text(encoding="utf-8"))
    if options.write:
        print(f"{page}: {len(measures)} parts measured; all digits: {data}")
        print(f"{write_summary(folder)}: the worst line of each part")
