"""Laws that every recipe of the registry keeps."""

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.errors import UserError
from pgf.recipes import RECIPES, Phase, Recipe
from pgf.recipes.patterns import NMPattern
from pgf.recipes.sdgf import StructureDecay

EVERY = sorted(RECIPES)
SPARSE = sorted(name for name in RECIPES if RECIPES[name].prunes)
PATTERNS = [NMPattern.parse(t) for t in ("2:4", "1:4", "1:8", "3:8", "7:8", "1:16", "1:128", "4:4")]
every_recipe = pytest.mark.parametrize("name", EVERY)
sparse_recipe = pytest.mark.parametrize("name", SPARSE)


@st.composite
def recipes(draw: st.DrawFn, names: list[str] = EVERY) -> Recipe:
    """A recipe with phases of any length, or of a preset."""
    recipe_class = RECIPES[draw(st.sampled_from(names))]
    preset = draw(st.sampled_from(["published", "advised", "25-75", None]))
    if preset:
        return recipe_class(**recipe_class.preset(preset, draw(st.sampled_from(PATTERNS))))
    dense = draw(st.floats(0, 1))
    return recipe_class(dense=dense, fine_tune=draw(st.floats(0, 1)) * (1 - dense))


@st.composite
def timetables(draw: st.DrawFn, names: list[str] = EVERY) -> tuple[NMPattern, list[Phase]]:
    """Every step's phase of a recipe, for layers of a pattern."""
    recipe, pattern = draw(recipes(names)), draw(st.sampled_from(PATTERNS))
    total = draw(st.integers(1, 70))
    width = draw(st.sampled_from([None, pattern.m, 3 * pattern.m, 4 * pattern.m]))
    return pattern, [
        recipe.phase(step, total, pattern=pattern, width=width) for step in range(total)
    ]


def kept(phase: Phase) -> float:
    """Return the share of the weights' sum that enters the forward pass, were they all equal."""
    if phase.pattern is None:
        return 1.0
    return phase.pattern.density + phase.mask_decay * (1 - phase.pattern.density)


@every_recipe
def test_a_recipe_is_frozen(name: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RECIPES[name]().dense = 0.25  # type: ignore[misc]


@every_recipe
def test_a_recipe_has_a_label_of_its_own(name: str) -> None:
    assert [RECIPES[other].label for other in EVERY].count(RECIPES[name].label) == 1
    assert RECIPES[name].label


@given(timetables())
def test_phases_come_in_order(timetable: tuple[NMPattern, list[Phase]]) -> None:
    names = [phase.name for phase in timetable[1]]
    assert names == sorted(names, key=["dense", "sparse", "fine_tune"].index)


@given(timetables(SPARSE))
def test_the_last_step_is_at_the_strict_target(timetable: tuple[NMPattern, list[Phase]]) -> None:
    pattern, phases = timetable
    assert (phases[-1].pattern, phases[-1].mask_decay) == (pattern, 0.0)


@given(timetables())
def test_mask_decay_lies_in_its_range_and_never_rises(
    timetable: tuple[NMPattern, list[Phase]],
) -> None:
    decays = [phase.mask_decay for phase in timetable[1] if phase.pattern]
    assert all(0.0 <= decay <= 1.0 for decay in decays)
    assert decays == sorted(decays, reverse=True)


@given(timetables())
def test_density_never_rises(timetable: tuple[NMPattern, list[Phase]]) -> None:
    shares = [kept(phase) for phase in timetable[1]]
    assert shares == sorted(shares, reverse=True)


@given(timetables(SPARSE))
def test_a_pruning_phase_never_keeps_less_than_the_target(
    timetable: tuple[NMPattern, list[Phase]],
) -> None:
    pattern, phases = timetable
    assert min(map(kept, phases)) == pattern.density


@given(recipes(), st.integers(1, 60), st.randoms(use_true_random=False))
def test_a_phase_depends_on_nothing_but_its_arguments(
    recipe: Recipe, total: int, order: random.Random
) -> None:
    # A schedule that is switched when a step is passed is lost when a run resumes there.
    def ask(one: Recipe, step: int) -> Phase:
        return one.phase(step, total, pattern=NMPattern(1, 8), width=64)

    in_order = [ask(recipe, step) for step in range(total)]
    steps = order.sample(range(total), total)
    assert {step: ask(dataclasses.replace(recipe), step) for step in steps} == dict(
        enumerate(in_order)
    )


@given(recipes(SPARSE), st.integers(1, 60))
def test_the_last_phase_is_what_evaluation_asks_for(recipe: Recipe, total: int) -> None:
    pattern = NMPattern(2, 8)
    assert recipe.phase(total - 1, total, pattern=pattern) == recipe.at_target(pattern)


@sparse_recipe
@pytest.mark.parametrize("percent", range(0, 101, 7))
def test_any_two_shares_that_add_up_to_one_are_taken(name: str, percent: int) -> None:
    recipe = RECIPES[name](dense=percent / 100, fine_tune=(100 - percent) / 100)
    assert recipe.phase(99, 100, pattern=NMPattern(1, 4)).name == "fine_tune"


@every_recipe
@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dense": -0.1}, "dense is a share of training"),
        ({"fine_tune": 1.5}, "fine_tune is a share of training"),
        ({"dense": float("nan")}, "dense is a share"),
        ({"dense": 0.7, "fine_tune": 0.4}, "0.7 and fine_tune 0.4 are more than all"),
    ],
)
def test_impossible_shares_are_refused(name: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        RECIPES[name](**settings)


@every_recipe
@pytest.mark.parametrize(("text", "width"), [("1:8", 8), ("1:8", 24), ("1:8", 64), ("1:2", 6)])
def test_a_recipe_of_stages_has_one_where_its_pattern_never_tightens(
    name: str, text: str, width: int
) -> None:
    made, pattern = RECIPES[name](dense=0.1, fine_tune=0.1), NMPattern.parse(text)
    every = (made.phase(step, 40, pattern=pattern, width=width).pattern for step in range(40))
    tightens = len({str(found) for found in every if found}) > 1
    assert made.has_one_stage(pattern=pattern, width=width) == (
        isinstance(made, StructureDecay) and not tightens
    )
