"""Laws that every recipe of the registry keeps, and the registry itself."""

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.errors import UserError
from pgf.recipes import RECIPES, Phase, Recipe, find_recipe, register
from pgf.recipes.patterns import NMPattern

EVERY = sorted(RECIPES)
SPARSE = sorted(name for name in RECIPES if not RECIPES[name].is_dense)
PATTERNS = [NMPattern.parse(t) for t in ("2:4", "1:4", "1:8", "3:8", "7:8", "1:16", "1:128", "4:4")]
every_recipe = pytest.mark.parametrize("name", EVERY)
sparse_recipe = pytest.mark.parametrize("name", SPARSE)

RECIPE_FILE = """
from dataclasses import dataclass
from pgf.recipes import Phase, Recipe

@dataclass(frozen=True, kw_only=True)
class Mine(Recipe):
    share: float = 0.3

    def sparse(self, clock, *, pattern, width):
        return Phase(name="sparse", pattern=pattern, mask_decay=self.share)

other = 17
"""


@st.composite
def recipes(draw: st.DrawFn, names: list[str] = EVERY) -> Recipe:
    """A recipe with phases of any length, or of a preset."""
    recipe_class = RECIPES[draw(st.sampled_from(names))]
    preset = draw(st.sampled_from(["published", "advised", None]))
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
def test_the_registry_finds_a_recipe_by_its_name(name: str) -> None:
    assert find_recipe(name) is RECIPES[name]


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match="'sdgf_stepwize': did you mean 'sdgf_stepwise'"):
        find_recipe("sdgf_stepwize")


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="'ste' is registered twice"):
        register("ste")(RECIPES["dense"])


@pytest.fixture
def recipe_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine_of_a_test.py").write_text(RECIPE_FILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("recipe_file")
def test_a_recipe_of_ones_own_is_found_by_its_path() -> None:
    recipe = find_recipe("mine_of_a_test:Mine")(dense=0.5, share=0.2)
    decays = [recipe.phase(s, 4, pattern=NMPattern(1, 4)).mask_decay for s in (2, 3)]
    assert decays == [0.2, 0.0]


@pytest.mark.usefixtures("recipe_file")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("mine_of_a_test:Yours", "has no 'Yours'"),
        ("mine_of_a_test:other", "not a subclass"),
        ("no_such_module_here:Mine", "cannot import 'no_such_module_here'"),
    ],
)
def test_a_path_to_no_recipe_is_refused(path: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        find_recipe(path)
    assert path in str(caught.value)


def test_a_recipe_without_a_sparse_phase_is_refused_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "idle_of_a_test.py").write_text(
        "from pgf.recipes import Recipe\n\n\nclass Idle(Recipe):\n    label = 'Idle'\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="'idle_of_a_test:Idle' does not define sparse"):
        find_recipe("idle_of_a_test:Idle")
