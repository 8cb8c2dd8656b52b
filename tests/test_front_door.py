"""`import pgf` shows the library, loads no torch, and its examples run."""

import doctest
import importlib
import subprocess
import sys

import pytest
from support import ROOT

import pgf
from pgf.recipes import RECIPES

NAMES = sorted(pgf.__all__)


def test_the_library_is_at_the_front_door() -> None:
    wanted = {"NMPattern", "Target", "Recipe", "Phase", "Sparsifier", "nm_mask"}
    assert wanted | {"register", "find_recipe"} <= set(NAMES)


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, pgf; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_name_has_an_example_that_runs(name: str) -> None:
    named = getattr(pgf, name)
    module = importlib.import_module(named.__module__)
    tests = doctest.DocTestFinder(recurse=False).find(named, name, module=module, globs={})
    assert any(test.examples for test in tests), f"pgf.{name} has no example"
    runner, before = doctest.DocTestRunner(verbose=False), dict(RECIPES._items)
    for test in tests:
        runner.run(test)
    RECIPES._items = before  # an example registers a recipe
    assert runner.summarize(verbose=False).failed == 0


def test_the_example_of_the_package_runs() -> None:
    assert doctest.testmod(pgf).failed == 0
