"""The registry: its own items, those of a folder, and classes from outside the package."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from pgf.errors import UserError
from pgf.experiments.run_spec import source_hash
from pgf.recipes import RECIPES, NMPattern, Registry, find_recipe, outside_file, register
from pgf.tasks import TASKS, find_task

RECIPE = """
from dataclasses import dataclass
from pgf.recipes import Phase, Recipe

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    share: float = 0.3

    def sparse(self, clock, *, pattern, width):
        return Phase(name="sparse", pattern=pattern, mask_decay=self.share)

class Idle(Recipe):
    label = "Idle"

other = 17
"""
TASK = """
from dataclasses import dataclass
from pgf.tasks import Task, find_task

@dataclass(frozen=True, kw_only=True)
class Mine(find_task("digits_vit")):
    depth: int = 1

class Idle(Task):
    metric = "accuracy"

other = 17
"""
BUILT_IN = [(find_recipe, name) for name in RECIPES] + [(find_task, name) for name in TASKS]
BOTH = pytest.mark.parametrize(
    ("find", "source", "kind"),
    [(find_recipe, RECIPE, "recipe"), (find_task, TASK, "task")],
    ids=["recipe", "task"],
)
Find = Callable[[str], Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, from which modules are imported, too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


@pytest.mark.parametrize(("find", "name"), BUILT_IN)
def test_a_class_is_found_by_its_name(find: Find, name: str) -> None:
    registry: dict[str, Any] = {**RECIPES} if find is find_recipe else {**TASKS}
    assert find(name) is registry[name]


@pytest.mark.parametrize(
    ("find", "name", "words"),
    [
        (find_recipe, "sdgf_stepwize", "recipe 'sdgf_stepwize': did you mean 'sdgf_stepwise'"),
        (find_task, "digits_vitt", "task 'digits_vitt': did you mean 'digits_vit'"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(find: Find, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        find(name)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="recipe 'ste' is registered twice"):
        register("ste")(RECIPES["dense"])
    assert RECIPES["ste"] is not RECIPES["dense"]


@BOTH
def test_a_class_of_ones_own_is_found_by_its_module(
    folder: Path, find: Find, source: str, kind: str
) -> None:
    (folder / f"own_{kind}.py").write_text(source)
    assert find(f"own_{kind}:Mine").__module__ == f"own_{kind}"


@BOTH
def test_a_class_of_ones_own_is_found_by_its_file_which_is_executed_once(
    folder: Path, find: Find, source: str, kind: str
) -> None:
    for name in ("here", "there"):
        (folder / name).mkdir()
        (folder / name / "own.py").write_text(source)
    found = find("here/own.py:Mine")
    assert found is find("here/own.py:Mine") is find(f"{folder}/here/own.py:Mine")
    assert found is not find("there/own.py:Mine")
    assert find(f"{folder}/here/own.py:Mine")() == found()


def test_a_recipe_of_ones_own_has_its_phases(folder: Path) -> None:
    (folder / "own.py").write_text(RECIPE)
    recipe = find_recipe("own.py:Mine")(dense=0.5, share=0.2)
    decays = [recipe.phase(s, 4, pattern=NMPattern(1, 4)).mask_decay for s in (2, 3)]
    assert decays == [0.2, 0.0]


@BOTH
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("own:Yours", "own has no 'Yours'"),
        ("own:other", "is not a subclass of pgf.{kind}s.{Kind}"),
        ("own:Idle", "does not define "),
        ("own.py:Yours", "own.py has no 'Yours'"),
        ("own.py:Idle", "does not define "),
        ("no_such_module_here:Mine", "cannot import 'no_such_module_here'"),
        ("no/such/file.py:Mine", "no file no/such/file.py in the current folder, .* nor beside"),
        ("broken.py:Mine", "cannot import 'broken.py' \\(ZeroDivisionError: division by zero\\)"),
    ],
)
def test_what_cannot_be_used_is_refused_in_a_sentence_that_names_it(
    folder: Path, find: Find, source: str, kind: str, path: str, words: str
) -> None:
    (folder / "own.py").write_text(source)
    (folder / "broken.py").write_text("1 / 0\n")
    said = words.format(kind=kind, Kind=kind.capitalize())
    with pytest.raises(UserError, match=f"^{kind} '{path}'.*{said}"):
        find(path)


def test_a_file_that_fails_is_executed_again_once_it_is_mended(folder: Path) -> None:
    (folder / "own.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        find_recipe("own.py:Mine")
    (folder / "own.py").write_text(RECIPE)
    assert find_recipe("own.py:Mine").__name__ == "Mine"


def test_classes_of_an_installed_package_are_found_by_their_entry_points(tmp_path: Path) -> None:
    (tmp_path / "installed.py").write_text(RECIPE)
    info = tmp_path / "installed-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: installed\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[pgf.recipes]\ntheirs = installed:Mine\nlost = installed:Yours\n"
    )
    code = """
import sys
from pgf.errors import UserError
from pgf.recipes import RECIPES, find_recipe, outside_file
print(outside_file("theirs", group="pgf.recipes"), "installed" in sys.modules)
print(find_recipe("theirs").__name__, "theirs" in RECIPES)
for name in ("lost", "their"):
    try:
        find_recipe(name)
    except UserError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=True,
    )
    where, found, lost, unknown = done.stdout.splitlines()
    assert where == f"{tmp_path}/installed.py False" and found == "Mine False"
    assert lost.startswith("recipe 'lost': cannot load its entry point installed:Yours (")
    assert unknown == "unknown recipe 'their': did you mean 'theirs'?"


def test_a_file_outside_is_found_without_being_executed(folder: Path) -> None:
    (folder / "own.py").write_text("1 / 0\n")
    files = [outside_file(name, group="pgf.tasks") for name in ("own:Mine", "own.py:Mine")]
    assert [file and file.resolve() for file in files] == [folder / "own.py"] * 2
    assert outside_file("digits_vit", group="pgf.tasks") is None
    assert outside_file("no_such_module_here:Mine", group="pgf.tasks") is None


@pytest.mark.parametrize("kinds", [("own.py:Mine", "digits_vit"), ("ste", "own.py:Mine")])
def test_the_hash_of_sources_follows_a_file_of_ones_own(
    folder: Path, kinds: tuple[str, str]
) -> None:
    file = folder / "own.py"
    file.write_text(RECIPE)
    before = source_hash(*kinds)
    file.write_text(RECIPE + "# a comment\n")
    assert before == source_hash(*kinds)
    file.write_text(RECIPE + "another = 1\n")
    assert before != source_hash(*kinds) != source_hash("ste", "digits_vit") == ""


@pytest.fixture
def shelf(folder: Path) -> Registry[int]:
    """Return a registry with a folder of two modules, one of which registers nothing."""
    (folder / "shelf").mkdir()
    (folder / "shelf" / "__init__.py").write_text(
        "from pgf.recipes import Registry\nBOOKS = Registry('book', folder='shelf.kinds')\n"
    )
    kinds = folder / "shelf" / "kinds"
    kinds.mkdir()
    (kinds / "__init__.py").touch()
    (kinds / "novel.py").write_text("from shelf import BOOKS\nBOOKS.register('novel')(7)\n")
    (kinds / "empty.py").touch()
    import shelf

    books: Registry[int] = shelf.BOOKS
    return books


def test_names_of_a_folder_are_listed_without_an_import(shelf: Registry[int]) -> None:
    shelf.register("added")(1)
    assert list(shelf) == ["added", "empty", "novel"] and len(shelf) == 3
    assert "novel" in shelf and "poem" not in shelf
    assert "shelf.kinds.novel" not in sys.modules


def test_a_module_of_a_folder_is_imported_when_it_is_asked_for(shelf: Registry[int]) -> None:
    assert shelf["novel"] == shelf.find("novel") == 7
    assert "shelf.kinds.empty" not in sys.modules


def test_a_registry_without_a_base_class_takes_nothing_from_outside(shelf: Registry[int]) -> None:
    with pytest.raises(UserError, match="unknown book 'shelf:BOOKS': known: empty, novel"):
        shelf.find("shelf:BOOKS")
    with pytest.raises(KeyError):
        shelf["poem"]


def test_file_names_of_tables_and_figures_need_neither_pandas_nor_matplotlib() -> None:
    code = (
        "import sys; from pgf.analysis.tables import table_files;"
        "from pgf.analysis.figures import figure_files; table_files(), figure_files([], {});"
        "print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
