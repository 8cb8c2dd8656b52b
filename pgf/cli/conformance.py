"""The command `check-recipe`: the laws of recipes, tried on one of them."""

import argparse
import json
from typing import Any

from pgf.cli.registry import Group, Options, command
from pgf.errors import UserError


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", help="a recipe's name, module:Class, or path/to/file.py:Class")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option of the recipe, such as dense=0.1; may be given several times",
    )
    parser.add_argument(
        "--target",
        default="1:4(FF)+2:8(QK)",
        help="layers to prune of a Vision Transformer of width 32 (%(default)s)",
    )


@command(group=Group.LOOK, arguments=_add_recipe, experiment=False)
def check_recipe_(options: Options) -> int:
    """Try the laws of recipes on one of them, by short trainings; exit 1 if one is broken."""
    from pgf.jobs import check_recipe, step_cost

    given = dict(_option(text) for text in options.set)
    count = broken = 0
    for finding in check_recipe(options.recipe, given, target=options.target):
        count, broken = count + 1, broken + (not finding.holds)
        print(finding.text, flush=True)
    if not broken:
        ratio = step_cost(options.recipe, given, target=options.target)
        print(f"  a step takes {ratio:.2f} times a dense one here, on a small model")
    print(f"{options.recipe}: {count - broken} of {count} laws hold")
    return 1 if broken else 0


def _option(text: str) -> tuple[str, Any]:
    name, found, value = text.partition("=")
    if not found:
        raise UserError(f"--set {text}: it must be OPTION=VALUE, such as dense=0.1")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
