"""Classes from outside the package: by entry point, by module, or by file."""

import importlib
import importlib.util
import os
import sys
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from pgf.errors import UserError


def beside(name: str, folder: Path) -> str:
    """Return a name of `path/to/file.py:Class` by which the file is found from the current folder.

    Args:
        name: any name; one of another form, or of a file that is there, is returned as it is.
        folder: where the file is looked for if it is not in the current folder.
    """
    where, _, class_name = name.rpartition(":")
    if where.endswith(".py") and not Path(where).is_file() and (folder / where).is_file():
        # From the current folder, however the config was named: runs are known by this name.
        return f"{os.path.relpath(folder / where)}:{class_name}"
    return name


def outside_file(name: str, *, group: str) -> Path | None:
    """Return the file that a name from outside the package leads to, without importing it.

    Args:
        name: `module:Class`, `path/to/file.py:Class`, or the name of an entry point.
        group: the group of that entry point.

    Returns:
        The file; None for a name of the package's own, or for a module that is not there.
    """
    points = points_of(group)
    if ":" not in name and name not in points:
        return None
    module = points[name].module if name in points else name.rpartition(":")[0]
    if module.endswith(".py"):
        return Path(module)
    _look_in_the_current_folder()
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(found.origin) if found and found.origin else None


@cache
def points_of(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name; an empty group has none."""
    return {point.name: point for point in entry_points(group=group)} if group else {}


def load_point(kind: str, point: EntryPoint) -> object:
    """Return the object of an entry point; `kind` is the word for it in an error.

    Raises:
        UserError: it cannot be imported.
    """
    try:
        return point.load()
    except Exception as error:  # whatever a package of others raises
        raise UserError(
            f"{kind} '{point.name}': cannot load its entry point {point.value} ({_said(error)})"
        ) from error


def outside_class(kind: str, path: str) -> object:
    """Return the object of `module:Class` or `path/to/file.py:Class`.

    Both are looked for from the current folder; `kind` is the word for the object in an error.

    Raises:
        UserError: the module or file cannot be imported, or has no such name.
    """
    where, _, class_name = path.rpartition(":")
    if where.endswith(".py") and not Path(where).is_file():
        raise UserError(
            f"{kind} '{path}': no file {where} in the current folder, {Path.cwd()}, nor beside the "
            f"config that names it"
        )
    try:
        module = _module_of_file(Path(where)) if where.endswith(".py") else _module(where)
    except Exception as error:  # whatever a user's own file raises
        raise UserError(f"{kind} '{path}': cannot import '{where}' ({_said(error)})") from error
    if not hasattr(module, class_name):
        raise UserError(f"{kind} '{path}': {where} has no '{class_name}'")
    return getattr(module, class_name)


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _module(name: str) -> ModuleType:
    _look_in_the_current_folder()
    return importlib.import_module(name)


def _look_in_the_current_folder() -> None:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def _module_of_file(path: Path) -> ModuleType:
    """Return the module of a file, which is executed once a process."""
    # Its path is its name: two files of one name in two folders are two modules.
    name = str(path.resolve())
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, name)
    assert spec is not None and spec.loader is not None  # it ends in .py
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look there while the file is executed
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
