"""Rooms import one way, through each other's doors; what needs no torch imports none."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import ROOT

PACKAGE = ROOT / "pgf"
MAY_IMPORT = {
    "recipes": (),
    "sparsity": ("recipes",),
    "integrations": ("sparsity", "recipes"),
    "inference": ("sparsity", "recipes"),
    "experiments": ("recipes",),
    "records": ("experiments", "recipes"),
    "tasks": ("experiments", "recipes"),
    "training": ("sparsity", "inference", "tasks", "records", "experiments", "recipes"),
    "analysis": ("records", "experiments", "recipes"),
    "jobs": ("training", "analysis", "sparsity", "tasks", "records", "experiments", "recipes"),
    "costs": (
        *(
            "inference",
            "jobs",
            "training",
            "analysis",
            "sparsity",
            "tasks",
            "records",
            "experiments",
            "recipes",
        ),
    ),
    "cli": (
        *("costs", "inference", "jobs", "training", "analysis", "sparsity", "tasks", "records"),
        *("experiments", "recipes"),
    ),
}
"""Room -> the rooms that it may import from. `errors` and `seeds` are everybody's."""
FRONT = {"README.md", "__init__.py", "__init__.pyi", "__main__.py", "errors.py", "seeds.py"}
WITHOUT_TORCH = ("recipes", "experiments", "records", "analysis")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        yield from statements(child)


def imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, anywhere in it, types alone too."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pgf"):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = {name for name in names if is_module(name)}
            found |= modules | ({str(node.module)} if modules != names else set())
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("pgf.")}


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


def test_a_package_of_these_rooms() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders == set(MAY_IMPORT)
    assert {p.name for p in PACKAGE.iterdir() if p.is_file()} == FRONT


def test_the_rooms_that_a_room_may_import_from_come_before_it() -> None:
    order = list(MAY_IMPORT)
    for room, others in MAY_IMPORT.items():
        assert all(order.index(other) < order.index(room) for other in others)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_from_the_rooms_before_it_alone(room: str) -> None:
    allowed = {*MAY_IMPORT[room], room, "errors", "seeds"}
    wrong = {
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in (PACKAGE / room).rglob("*.py")
        for name in imports(path)
        if name.split(".")[1] not in allowed
    }
    assert not wrong


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_others_import_from_a_room_and_not_from_its_files(room: str) -> None:
    wrong = {
        f"{path.relative_to(PACKAGE)}: from {node.module} import ..."
        for path in (PACKAGE / room).rglob("*.py")
        for node in statements(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pgf.")
        for _, where, *deeper in [str(node.module).split(".")]
        if where != room and deeper
    }
    assert not wrong


def test_every_name_at_a_door_is_there() -> None:
    for room in MAY_IMPORT:
        door = importlib.import_module(f"pgf.{room}")
        assert all(hasattr(door, name) for name in getattr(door, "__all__", ()))


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_no_files_of_a_room_import_each_other_in_a_circle(room: str) -> None:
    files = {module_of(path): imports(path) for path in (PACKAGE / room).rglob("*.py")}
    waiting = {name: {other for other in own if other in files} for name, own in files.items()}
    while free := [name for name, own in waiting.items() if not own - {name}]:
        for name in free:
            del waiting[name]
        for own in waiting.values():
            own.difference_update(free)
    assert not waiting


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("room", WITHOUT_TORCH)
def test_what_makes_plans_and_tables_imports_no_torch(room: str) -> None:
    modules = ", ".join(module_of(path) for path in sorted((PACKAGE / room).rglob("*.py")))
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("folder", ["pgf", "tests", "workflow"])
def test_no_file_is_long(folder: str) -> None:
    texts = [p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".smk", ".yaml")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in texts}
    assert {path: n for path, n in lengths.items() if n > 250} == {}
