"""Gradient rules: what a recipe is asked for holds in all its pruning phases, or is refused."""

import pytest

from pgf.errors import UserError
from pgf.recipes import RECIPES, GradientRule
from pgf.recipes.patterns import NMPattern

PRUNING = sorted(name for name in RECIPES if RECIPES[name].prunes)
HEALING = {"pat", "iss_p"}
"""Recipes that end under a frozen mask, whose pruned weights get no gradient by any rule."""


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        (name, rule)
        for name in sorted(RECIPES)
        for rule in RECIPES[name].rules
        if RECIPES[name].prunes
    ],
)
def test_every_pruning_phase_takes_the_gradient_rule_asked_for(
    name: str, rule: GradientRule
) -> None:
    recipe = RECIPES[name](dense=0.1, fine_tune=0.2, gradient=rule)
    found = [recipe.phase(step, 40, pattern=NMPattern(1, 8)) for step in range(4, 40)]
    own = [p for p in found if not (name in HEALING and p.name == "fine_tune")]
    assert {p.gradient_rule for p in own} == {rule}


@pytest.mark.parametrize(
    "name", [name for name in sorted(RECIPES) if len(RECIPES[name].rules) == 1]
)
def test_a_rule_that_cannot_act_is_refused(name: str) -> None:
    (own,) = RECIPES[name].rules
    other = next(rule for rule in GradientRule if rule is not own)
    with pytest.raises(UserError, match=f"this recipe has one rule, {own}"):
        RECIPES[name](gradient=other)
