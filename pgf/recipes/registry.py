"""A registry of anything that has a name, and the one of recipes.

Recipes, tasks, tables, figures, gradient statistics, kinds of claims and parts of the bench are
each one `Registry`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar, cast

from pgf.errors import UserError, nearest
from pgf.recipes.base import Recipe
from pgf.recipes.hooks import LayerHook
from pgf.recipes.outside import load_point, outside_class, points_of

T = TypeVar("T")
R = TypeVar("R", bound=Recipe)


class Registry(Mapping[str, T], Generic[T]):
    """Items by name: those registered here and, where it has a folder, those of its modules.

    Iterating lists names and imports nothing; `registry[name]` imports the module of that name.
    """

    def __init__(
        self, kind: str, *, base: type[Any] | None = None, group: str = "", folder: str = ""
    ) -> None:
        """Make an empty registry.

        Args:
            kind: the word for an item, as error messages use it.
            base: the class that every item must be a subclass of. With it, names such as
                `module:Class` and `path/to/file.py:Class` find classes outside the package.
            group: entry points of installed packages in which `find` looks as well.
            folder: a package with one module for each item; the module registers the item under
                the module's own name.
        """
        self.kind, self.base, self.group, self.folder = kind, base, group, folder
        self._items: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Return the decorator that adds an item under `name`.

        Raises:
            ValueError: the decorator is used with a name that is taken.
        """

        def add(item: T) -> T:
            if name in self._items:
                raise ValueError(f"{self.kind} '{name}' is registered twice")
            self._items[name] = item
            return item

        return add

    def find(self, name: str) -> T:
        """Return the item of a registered name, an entry point or `module:Class`.

        Raises:
            UserError: nothing has that name, or what has it cannot be used.
        """
        if name in self:
            return self[name]
        points = points_of(self.group)
        if self.base is not None and ":" in name:
            return self._checked(name, outside_class(self.kind, name))
        if name in points:
            return self._checked(name, load_point(self.kind, points[name]))
        raise UserError(f"unknown {self.kind} '{name}': {nearest(name, [*self, *points])}")

    def __getitem__(self, name: str) -> T:
        if name not in self._items and name in self._modules():
            importlib.import_module(f"{self.folder}.{name}")
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        return name in self._items or name in self._modules()

    def __iter__(self) -> Iterator[str]:
        modules = self._modules()
        yield from (name for name in self._items if name not in modules)
        yield from modules

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _modules(self) -> tuple[str, ...]:
        """Return the names of the folder's modules in alphabetical order."""
        if not self.folder:
            return ()
        package = importlib.import_module(self.folder)
        return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))

    def _checked(self, name: str, found: object) -> T:
        if self.base is not None:
            if not (isinstance(found, type) and issubclass(found, self.base)):
                room = ".".join(self.base.__module__.split(".")[:2])
                where = f"{room}.{self.base.__name__}"
                raise UserError(f"{self.kind} '{name}' is not a subclass of {where}")
            if missing := sorted(getattr(found, "__abstractmethods__", ())):
                raise UserError(f"{self.kind} '{name}' does not define {', '.join(missing)}")
        return cast(T, found)


RECIPES: Registry[type[Recipe]] = Registry(
    "recipe", base=Recipe, group="pgf.recipes", folder="pgf.recipes.zoo"
)


def register(name: str) -> Callable[[type[R]], type[R]]:
    """Return the class decorator that adds a recipe to the registry under `name`.

    >>> from dataclasses import dataclass
    >>> from pgf import NMPattern, Phase, Recipe, find_recipe, register
    >>> @register("half_left")
    ... @dataclass(frozen=True, kw_only=True)
    ... class HalfLeft(Recipe):
    ...     def sparse(self, clock, *, pattern, width):
    ...         return Phase(name="sparse", pattern=pattern, mask_decay=0.5)
    >>> find_recipe("half_left")().phase(3, 10, pattern=NMPattern(1, 4)).mask_decay
    0.5
    """

    def add(cls: type[R]) -> type[R]:
        RECIPES.register(name)(cls)
        return cls

    return add


def find_recipe(name: str) -> type[Recipe]:
    """Return the recipe class of a name.

    `name` is a built-in name, an entry point of the group `pgf.recipes`, `module:Class` with a
    module importable from the current folder, or `path/to/file.py:Class` with a file below it.

    Raises:
        UserError: nothing has that name, or what has it is no recipe.

    >>> from pgf import find_recipe
    >>> find_recipe("sr_ste").label
    'SR-STE'
    """
    return RECIPES.find(name)


def pruning_recipes(*, with_hooks: bool) -> list[str]:
    """Return the built-in recipes that prune: those that phases say everything of, or the others.

    Args:
        with_hooks: True for those that act on tensors by hooks of their own.
    """
    return [
        name
        for name, kind in RECIPES.items()
        if kind.prunes and issubclass(kind, LayerHook) == with_hooks
    ]
