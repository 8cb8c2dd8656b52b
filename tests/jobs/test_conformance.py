"""The laws of recipes on every recipe, and what they say of ones that break them."""

import re
from pathlib import Path

import pytest

from pgf.jobs import check_recipe
from pgf.recipes import RECIPES, LayerHook

HOOKED = sorted(name for name in RECIPES if issubclass(RECIPES[name], LayerHook))
TARGET = "1:4(FF)+2:8(QK)"
OFTEN = {"srigl": {"every": 4}, "set": {"every": 4}, "bi_mask": {"every": 4, "tries": 5}}
"""Options by which a recipe does in a short training what it does now and then."""
HEAD = """
from dataclasses import dataclass, replace
import random
import torch
from pgf.recipes import *
from pgf.recipes.baselines import Ste

@dataclass(frozen=True, kw_only=True)
"""
BROKEN = {
    "class Mine(Ste):\n    def sparse(self, clock, *, pattern, width):\n"
    "        return Phase(name='sparse', pattern=pattern, mask_decay=2.0)": (
        "every step has a phase",
        r"mine.py, line 11: step 0 of \d+: a phase's mask_decay is a number in \[0, 1\], not 2.0",
    ),
    "class Mine(Ste):\n    def sparse(self, clock, *, pattern, width):\n"
    "        return Phase(name='sparse', pattern=pattern, mask_decay=random.random())": (
        "every step has a phase",
        "another phase when asked again",
    ),
    "class Mine(Ste):\n    def sparse(self, clock, *, pattern, width):\n        return 'sparse'": (
        "every step has a phase",
        "is 'sparse', not a pgf.recipes.Phase",
    ),
    "class Mine(Ste):\n    def sparse(self, clock, *, pattern, width):\n        return 1 / 0": (
        "every step has a phase",
        "mine.py, line 11: step 0 of .*: ZeroDivisionError: division by zero",
    ),
    "class Mine(Ste):\n    def sparse(self, clock, *, pattern, width):\n"
    "        return Phase(name='sparse', pattern=NMPattern(1, 3))": (
        "every step has a phase",
        "the pattern 1:3, which does not divide a width of",
    ),
    "class Mine(Ste):\n    def at_target(self, pattern):\n"
    "        return replace(super().at_target(pattern), mask_source='chosen')": (
        "every step has a phase",
        "is no pgf.recipes.ChoosesMasks",
    ),
    "class Mine(ChoosesMasks, Ste):\n    def at_target(self, pattern):\n"
    "        return replace(super().at_target(pattern), mask_source='chosen')\n"
    "    def choose(self, layer, pattern):\n        return torch.ones(3).bool()": (
        "exactly N",
        r"Mine.choose, for .*, gives a mask of torch.bool \(3,\)",
    ),
    "class Mine(ChoosesMasks, Ste):\n    def at_target(self, pattern):\n"
    "        return replace(super().at_target(pattern), mask_source='chosen')\n"
    "    def choose(self, layer, pattern):\n"
    "        return torch.ones_like(layer.weight, dtype=torch.bool)": (
        "exactly N",
        "keeps 8 to 8 of 8: it must keep 2 of every 8",
    ),
    "class Mine(TurnsGradients, Ste):\n    def turn(self, gradient, layer):\n"
    "        gradient.mul_(random.random())": ("the same seed", "a second run differs in"),
    "class Mine(TurnsGradients, Ste):\n    def turn(self, gradient, layer):\n"
    "        self.__dict__['seen'] = self.__dict__.get('seen', 0) + 1\n"
    "        gradient.mul_(1 / self.__dict__['seen'])": (
        "a resumed run",
        "a run resumed after step .* differs in",
    ),
    "class Mine(ShapesWeights, Ste):\n"
    "    def effective(self, weight, *, mask, decay, layer):\n        return weight * 1.5": (
        "exactly N",
        "weights, over",
    ),
}


@pytest.mark.parametrize("recipe", HOOKED)
def test_a_recipe_of_the_package_keeps_all_laws(recipe: str) -> None:
    options = OFTEN.get(recipe, {})
    found = check_recipe(recipe, options, target=TARGET, processes=False)
    broken = [finding for finding in found if not finding.holds]
    assert not broken


@pytest.mark.parametrize("source", BROKEN)
def test_what_breaks_a_law_is_found_and_said(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(HEAD + source + "\n")
    law, words = BROKEN[source]
    first = next(
        f for f in check_recipe("mine.py:Mine", {}, target=TARGET, processes=False) if not f.holds
    )
    assert first.law.startswith(law)
    assert first.broken is not None and re.search(words, first.broken)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["srigl", pytest.param("gpusq", marks=pytest.mark.long)])
def test_two_processes_train_what_one_does(recipe: str) -> None:
    *_, last = check_recipe(recipe, OFTEN.get(recipe, {}), target=TARGET)
    assert last.law.startswith("two processes") and last.broken is None
