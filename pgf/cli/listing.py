"""The command `list`: the recipes, experiments and tasks, a line each."""

import argparse
import inspect
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from pgf.cli.registry import Group, Options, command
from pgf.errors import UserError

KINDS = ("recipes", "experiments", "tasks")
LEAST_WIDTH = 80
Line = tuple[str, str]
"""A name, and in a few words the thing that it names."""


def _add_list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kind",
        nargs="?",
        choices=KINDS,
        help="only these; without it recipes and experiments, as tasks take seconds to import",
    )


@command(group=Group.LOOK, arguments=_add_list, experiment=False)
def list_(options: Options) -> None:
    """List the recipes, experiments or tasks, a line each."""
    listings = {"recipes": recipe_lines, "experiments": experiment_lines, "tasks": task_lines}
    if options.kind:
        _show(list(listings[options.kind]()))
        return
    for kind in ("recipes", "experiments"):
        print(f"{kind}:", flush=True)
        _show(list(listings[kind]()))
        print()
    print("tasks: `pgf list tasks` (imports torch)")


def _show(lines: Sequence[Line]) -> None:
    width = max((len(name) for name, _ in lines), default=0)
    for name, text in lines:
        print(_cut(f"  {name:<{width}}  {text}".rstrip()), flush=True)


def recipe_lines() -> Iterator[Line]:
    """Yield the recipes in the package: name, then label and first line of the docstring."""
    from pgf.recipes import RECIPES

    for name, recipe in RECIPES.items():
        label, text = recipe.label or name, _first_line(inspect.getdoc(recipe))
        yield name, text if text.startswith(label) else f"{label}: {text}"


def experiment_lines() -> Iterator[Line]:
    """Yield the experiments in configs/: name, then number of runs and the head's first sentence.

    A config that is wrong shows what is wrong with it in place of these.
    """
    from pgf.experiments import CONFIGS, is_selected, load_experiment

    for path in sorted(CONFIGS.glob("*.yaml")):
        try:
            experiment = load_experiment(path.stem, tuned=False)
            runs = len(experiment.model_copy(update={"tuning": None}).runs())
            is_ready = experiment.tuning is None or is_selected(path.stem)
        except UserError as error:
            yield path.stem, str(error)
            continue
        tuning = "" if is_ready else ", not tuned yet"
        yield path.stem, f"{runs} run{'s' * (runs > 1)}{tuning}: {head_sentence(path)}"


def task_lines() -> Iterator[Line]:
    """Yield the tasks: name, then first line of the docstring."""
    from pgf.tasks import TASKS

    for name, task in TASKS.items():
        yield name, _first_line(inspect.getdoc(task))


def head_sentence(path: Path) -> str:
    """Return the first sentence of the comment that a config begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    end = next((i for i, line in enumerate(lines) if not re.match(r"#\s*\S", line)), len(lines))
    text = " ".join(line.lstrip("# ") for line in lines[:end])
    return re.split(r"(?<=[.?!:]) (?=[A-Z])", text, maxsplit=1)[0].rstrip(".:")


def _first_line(text: str | None) -> str:
    return (text or "").partition("\n")[0].rstrip(".")


def _cut(line: str) -> str:
    """Return a line that fits into the terminal, if it goes to one."""
    if not sys.stdout.isatty():
        return line
    width = max(LEAST_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    if len(line) <= width:
        return line
    start = re.match(r"\s*\S+\s*", line)
    assert start is not None
    rest = line[start.end() :]
    return start[0] + textwrap.shorten(rest, max(20, width - start.end()), placeholder=" ...")
