"""Recipes from a file beside the config."""

from pathlib import Path

import pytest

from pgf.errors import UserError
from pgf.experiments.config import load_experiment

BESIDE = """
from dataclasses import dataclass
from pgf import Phase, Recipe

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    label = "Mine"

    def sparse(self, clock, *, pattern, width):
        return Phase(name="sparse", pattern=pattern)
"""


def test_a_recipe_lies_beside_its_config(tmp_path: Path) -> None:
    (tmp_path / "birds").mkdir()
    (tmp_path / "birds" / "mine.py").write_text(BESIDE)
    config = tmp_path / "birds" / "birds.yaml"
    config.write_text(
        "name: birds\ntasks: {digits_vit: {}}\ntargets: ['1:4(FF)']\nseeds: [0]\n"
        "training: {steps: 2, batch_size: 8, learning_rate: 0.01, evaluations: 1}\n"
        "recipes: {mine: {recipe: 'mine.py:Mine'}}\n"
    )
    (spec,) = load_experiment(str(config)).runs()
    assert spec.recipe.label == "Mine" and spec.make_recipe().dense == 0.0


def test_a_recipe_that_is_nowhere_says_where_it_was_looked_for(tmp_path: Path) -> None:
    config = tmp_path / "birds.yaml"
    config.write_text(
        "name: birds\ntasks: {digits_vit: {}}\ntargets: ['1:4(FF)']\nseeds: [0]\n"
        "training: {steps: 2, batch_size: 8, learning_rate: 0.01, evaluations: 1}\n"
        "recipes: {mine: {recipe: 'no/mine.py:Mine'}}\n"
    )
    with pytest.raises(UserError, match=r"no file no/mine\.py in the current folder, .*, nor bes"):
        load_experiment(str(config))
