"""Imports point one way, tables need no torch, and files stay short."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = (
    *("errors", "patterns", "recipes", "settings", "seeds", "runs", "records", "statistics"),
    *("collection", "selection", "tables", "figures", "entries", "validation", "config"),
    *("results", "progress", "failures", "slurm", "adoption", "sites", "doctor", "gpus"),
    *("interruption", "leases", "requeue"),
    *("masks", "kernels", "layer_listing", "roles", "layers", "sparse_layer", "sparsifier"),
    *("observers", "gradients"),
    *("parallel", "data", "tasks", "optimization", "evaluation", "saliency", "checkpoints"),
    *(
        "flops",
        "estimate",
        "compute",
        "provenance",
        "places",
        "running",
        "steps",
        "stacks",
        "train",
        "outcomes",
    ),
    *("jobs", "launch", "preflight", "bench", "plan", "model_survey", "readme", "reproduce"),
    *("hours",),
    *("commands", "__main__"),
)
"""A module imports from rows before its own. What needs no torch comes first."""

WITHOUT_TORCH = (
    *("pgf.patterns", "pgf.recipes", "pgf.settings", "pgf.runs", "pgf.records", "pgf.config"),
    *("pgf.collection", "pgf.statistics", "pgf.tables", "pgf.figures"),
)


def modules() -> dict[str, list[Path]]:
    """Return the files of each top-level module of the package."""
    found: dict[str, list[Path]] = {}
    for path in sorted((ROOT / "pgf").rglob("*.py")):
        name = path.relative_to(ROOT / "pgf").parts[0].removesuffix(".py")
        if name != "__init__":
            found.setdefault(name, []).append(path)
    return found


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield everything but what stands under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from statements(child)


def imported_modules(path: Path) -> set[str]:
    """Return the top-level modules of the package that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module == "pgf":
            names = [f"pgf.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith("pgf.")}
    return found & set(modules())


def test_every_module_has_its_row() -> None:
    assert set(modules()) == set(ROWS)


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_module_imports_from_rows_before_its_own_alone(module: str) -> None:
    allowed = {*ROWS[: ROWS.index(module)], module}
    wrong = {
        f"{path.name} imports {name}"
        for path in modules()[module]
        for name in imported_modules(path) - allowed
    }
    assert not wrong


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_makes_plans_and_tables_imports_no_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.slow
def test_a_training_run_needs_no_configuration_library() -> None:
    code = "import sys, pgf.jobs; sys.exit(bool({'pydantic', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("folder", ["pgf", "tests", "workflow"])
def test_no_file_is_long(folder: str) -> None:
    texts = [p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".smk", ".yaml")]
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in texts}
    assert {path: n for path, n in lengths.items() if n > 300} == {}
