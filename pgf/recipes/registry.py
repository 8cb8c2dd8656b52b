"""The open list of recipes: built in, from entry points, or by dotted path."""

import importlib
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar

from pgf.errors import UserError, nearest
from pgf.recipes.base import Recipe

R = TypeVar("R", bound=Recipe)

RECIPES: dict[str, type[Recipe]] = {}
ENTRY_POINT_GROUP = "pgf.recipes"


def register(name: str) -> Callable[[type[R]], type[R]]:
    """Class decorator that adds a recipe to the registry under `name`."""

    def add(cls: type[R]) -> type[R]:
        if name in RECIPES:
            raise ValueError(f"recipe '{name}' is registered twice")
        RECIPES[name] = cls
        return cls

    return add


def find_recipe(name: str) -> type[Recipe]:
    """Return the recipe class of a name.

    `name` is a built-in name, an entry point of the group `pgf.recipes`, or `module:Class` with a
    module importable from the working directory.

    Raises:
        UserError: nothing of that name, or what is found is no recipe.
    """
    if name in RECIPES:
        return RECIPES[name]
    if ":" in name:
        return _check(name, _import(name))
    points = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name in points:
        return _check(name, points[name].load())
    raise UserError(f"unknown recipe '{name}': {nearest(name, [*RECIPES, *points])}")


def _import(path: str) -> object:
    module_name, _, class_name = path.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever a user's own file raises
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"recipe '{path}': cannot import '{module_name}' ({reason})") from error
    if not hasattr(module, class_name):
        raise UserError(f"recipe '{path}': {module_name} has no '{class_name}'")
    return getattr(module, class_name)


def _check(name: str, found: object) -> type[Recipe]:
    if not (isinstance(found, type) and issubclass(found, Recipe)):
        raise UserError(f"recipe '{name}' is not a subclass of pgf.recipes.Recipe")
    if missing := sorted(found.__abstractmethods__):
        raise UserError(f"recipe '{name}' does not define {', '.join(missing)}")
    return found
