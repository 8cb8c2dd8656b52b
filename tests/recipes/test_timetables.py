"""The paper's schedules, worked out by hand, and the faults of the public codes they must not have.

40 steps, of which the first 4 are dense and the last 8 fine-tune: 28 sparse steps, 4 to 31.
"""

import math
from itertools import groupby

import pytest

from pgf.errors import UserError
from pgf.recipes import RECIPES, MaskSource, Phase, Recipe
from pgf.recipes.baselines import OneShot, Snip, SrSte, Ste
from pgf.recipes.idp import Idp
from pgf.recipes.mdgf import MaskDecay, MdgfExponential, MdgfLinear
from pgf.recipes.patterns import NMPattern
from pgf.recipes.sdgf import SdgfGeometric, SdgfStepwise

SHARES = {"dense": 0.1, "fine_tune": 0.2}
DECAYING = sorted(name for name in RECIPES if issubclass(RECIPES[name], MaskDecay))


def phases(recipe: Recipe, text: str, *, total: int = 40, width: int | None = None) -> list[Phase]:
    pattern = NMPattern.parse(text)
    return [recipe.phase(step, total, pattern=pattern, width=width) for step in range(total)]


def stages(recipe: Recipe, text: str, **more: int) -> list[tuple[str, int]]:
    """Return what patterns follow each other and for how many steps, phases apart."""
    names = (f"{p.name} {p.pattern or ''}".strip() for p in phases(recipe, text, **more))
    return [(name, len(list(run))) for name, run in groupby(names)]


def decays(recipe: Recipe) -> dict[int, float]:
    return {step: p.mask_decay for step, p in enumerate(phases(recipe, "1:8")) if p.pattern}


@pytest.mark.parametrize(
    ("recipe", "text", "between"),
    [
        (SdgfStepwise, "1:8", {"7:8": 7, "4:8": 7, "2:8": 7, "1:8": 7}),
        (SdgfStepwise, "2:8", {"7:8": 10, "4:8": 9, "2:8": 9}),
        (SdgfGeometric, "1:8", {"16:128": 6, "8:64": 6, "4:32": 5, "2:16": 6, "1:8": 5}),
        (SdgfGeometric, "2:8", {"32:128": 6, "16:64": 6, "8:32": 5, "4:16": 6, "2:8": 5}),
        (Idp, "1:8", {"4:8": 10, "2:8": 9, "1:8": 9}),
        (Idp, "2:8", {"4:8": 14, "2:8": 14}),
        (Snip, "2:8", {"2:8": 28}),
        (Ste, "2:8", {"2:8": 28}),
        (SrSte, "2:8", {"2:8": 28}),
        (MdgfLinear, "1:8", {"1:8": 28}),
        (MdgfExponential, "1:8", {"1:8": 28}),
    ],
)
def test_the_patterns_of_a_timetable(
    recipe: type[Recipe], text: str, between: dict[str, int]
) -> None:
    sparse = [(f"sparse {pattern}", steps) for pattern, steps in between.items()]
    assert stages(recipe(**SHARES), text) == [("dense", 4), *sparse, (f"fine_tune {text}", 8)]


def test_one_shot_prunes_once_in_the_middle() -> None:
    assert stages(OneShot(**OneShot.preset("published", None)), "1:8") == [
        ("dense", 20),
        ("fine_tune 1:8", 20),
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {4: 1.0, 11: 0.75, 18: 0.5, 25: 0.25, 31: 1 / 28, 32: 0.0}),
        ({"zero_at": 0.6}, {4: 1.0, 9: 0.75, 14: 0.5, 23: 0.05, 24: 0.0, 30: 0.0}),
        ({"beta": 0.05}, {4: 1.0, 5: 0.95, 10: 0.7, 23: 0.05, 25: 0.0, 31: 0.0}),
        ({"beta": 0.01}, {4: 1.0, 31: 0.73, 32: 0.0, 39: 0.0}),
    ],
)
def test_the_linear_decay(settings: dict[str, float], expected: dict[int, float]) -> None:
    found = decays(MdgfLinear(**SHARES, **settings))
    assert {step: found[step] for step in expected} == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {4: 1.0, 11: 0.31622776601683794, 18: 0.1, 25: 0.03162277660168379, 32: 0.0}),
        ({"zero_at": 0.6}, {4: 1.0, 9: 0.31622776601683794, 14: 0.1, 24: 0.0, 31: 0.0}),
        ({"beta": 0.1}, {4: 1.0, 9: 0.6065306597126334, 14: 0.36787944117144233, 32: 0.0}),
    ],
)
def test_the_exponential_decay(settings: dict[str, float], expected: dict[int, float]) -> None:
    found = decays(MdgfExponential(**SHARES, **settings))
    assert {step: found[step] for step in expected} == pytest.approx(expected, rel=1e-13)


def test_the_exponential_decay_is_cut_where_it_has_fallen_to_one_percent() -> None:
    found = decays(MdgfExponential(**SHARES, zero_at=0.6))
    assert found[23] == pytest.approx(math.exp(-math.log(100) * 19 / 20))
    assert found[24] == 0.0


def test_an_exponential_decay_given_by_beta_lasts_to_the_fine_tune_phase() -> None:
    found = decays(MdgfExponential(**SHARES, beta=0.9))
    assert 0.0 < found[31] < 1e-10 and found[32] == 0.0


@pytest.mark.parametrize("name", DECAYING)
@pytest.mark.parametrize("dense", [0.0, 0.25, 0.6])
def test_the_decay_starts_at_one_with_the_first_sparse_step(name: str, dense: float) -> None:
    # The authors' code counts from a hundredth of the dense phase: D jumps.
    found = phases(RECIPES[name](dense=dense, beta=0.03), "1:8")
    first = round(40 * dense)
    assert found[first].mask_decay == 1.0
    assert found[first + 1].mask_decay == pytest.approx({"l": 0.97, "e": 0.9704455}[name[5]])


@pytest.mark.parametrize("name", sorted(name for name in RECIPES if RECIPES[name].prunes))
@pytest.mark.parametrize("steps", [1, 5, 13])
def test_the_fine_tune_phase_has_exactly_its_steps(name: str, steps: int) -> None:
    found = phases(RECIPES[name](dense=0.1, fine_tune=steps / 40), "1:8")
    assert [p.name for p in found].count("fine_tune") == steps


@pytest.mark.parametrize("total", [1, 2, 4, 7])
def test_a_run_of_fewer_steps_than_stages_still_ends_at_the_target(total: int) -> None:
    found = [p.pattern for p in phases(SdgfStepwise(), "1:128", total=total)]
    assert found == sorted(found, reverse=True)  # type: ignore[type-var]
    assert found[-1] == NMPattern(1, 128)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3:8", ["7:8", "4:8", "3:8"]),
        ("1:6", ["5:6", "3:6", "1:6"]),
        ("2:10", ["9:10", "5:10", "2:10"]),
        ("7:8", ["7:8"]),
        ("1:2", ["1:2"]),
        ("8:8", ["8:8"]),
        ("1:128", ["127:128", *(f"{k}:128" for k in (64, 32, 16, 8, 4, 2, 1))]),
    ],
)
def test_stepwise_reaches_every_target(text: str, expected: list[str]) -> None:
    found = SdgfStepwise().stages(NMPattern.parse(text), None)
    assert list(map(str, found)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3:8", ["4:8", "3:8"]),
        ("1:6", ["3:6", "1:6"]),
        ("2:10", ["5:10", "2:10"]),
        ("7:8", ["7:8"]),
        ("1:2", ["1:2"]),
        ("8:8", ["8:8"]),
        ("1:32", ["16:32", "8:32", "4:32", "2:32", "1:32"]),
    ],
)
def test_idp_reaches_every_target(text: str, expected: list[str]) -> None:
    assert list(map(str, Idp().stages(NMPattern.parse(text), None))) == expected


def test_snip_prunes_at_the_first_step_in_either_preset() -> None:
    for preset in ("published", "advised", "25-75"):
        found = phases(Snip(**Snip.preset(preset, None)), "1:8")
        assert {(p.pattern, p.mask_source) for p in found} == {
            (NMPattern(1, 8), MaskSource.SALIENCY)
        }


@pytest.mark.parametrize(
    ("width", "first"), [(None, "16:128"), (256, "16:128"), (192, "8:64"), (96, "4:32"), (8, "1:8")]
)
def test_geometric_starts_at_the_largest_group_that_the_rows_hold(
    width: int | None, first: str
) -> None:
    assert str(SdgfGeometric().stages(NMPattern(1, 8), width)[0]) == first


def test_geometric_says_which_start_it_missed() -> None:
    geometric = SdgfGeometric(k=4)
    assert geometric.note(pattern=NMPattern(1, 8), width=64) is None
    note = geometric.note(pattern=NMPattern(1, 8), width=24)
    assert note is not None and all(word in note for word in ("1:8", "4:32", "24"))


def test_a_narrow_layer_has_longer_intervals() -> None:
    found = stages(SdgfGeometric(**SHARES), "1:8", width=16)
    assert found == [("dense", 4), ("sparse 2:16", 14), ("sparse 1:8", 14), ("fine_tune 1:8", 8)]


def test_the_published_presets_are_those_of_files_and_curves() -> None:
    def beta(recipe: type[Recipe], text: str) -> dict[str, float]:
        return recipe.preset("published", NMPattern.parse(text))

    no_phases = {"dense": 0.0, "fine_tune": 0.0}
    table_11 = {"2:4": 1e-3, "1:4": 1e-3, "1:8": 2e-4, "1:32": 2e-5}
    assert {t: beta(MdgfLinear, t) for t in table_11} == {
        text: {**no_phases, "beta": value} for text, value in table_11.items()
    }
    assert beta(MdgfExponential, "1:8") == {**no_phases, "beta": 1e-4}
    assert beta(SdgfStepwise, "1:8") == no_phases


@pytest.mark.parametrize("name", DECAYING)
def test_the_advised_preset_is_at_zero_after_seventy_percent(name: str) -> None:
    found = phases(RECIPES[name](**RECIPES[name].preset("advised", None)), "1:8", total=200)
    assert found[139].mask_decay > 0.0 and found[140].mask_decay == 0.0


@pytest.mark.parametrize("recipe", [SrSte, Idp])
def test_the_term_of_sr_ste_stands_in_all_pruning_phases(recipe: type[SrSte]) -> None:
    found = phases(recipe(**SHARES, lambda_w=0.3), "1:8")
    assert {p.name: p.srste_lambda for p in found} == {"dense": 0, "sparse": 0.3, "fine_tune": 0.3}


@pytest.mark.parametrize(
    ("recipe", "settings", "words"),
    [
        (MdgfLinear, {"beta": 0.1, "zero_at": 0.5}, "not both"),
        (MdgfLinear, {"beta": 0.0}, "beta must be positive"),
        (MdgfExponential, {"dense": 0.4, "zero_at": 0.3}, "between dense 0.4 and 1"),
        (SrSte, {"lambda_w": -2e-4}, "must not be negative"),
        (Idp, {"lambda_w": -2e-4}, "must not be negative"),
        (SdgfGeometric, {"k": 12}, "power of two"),
        (SdgfGeometric, {"k": 0}, "power of two"),
    ],
)
def test_impossible_settings_are_refused(
    recipe: type[Recipe], settings: dict[str, float], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        recipe(**settings)


@pytest.mark.parametrize("name", ["sr_ste", "mdgf_linear", "sdgf_stepwise"])
def test_25_75_sparsifies_between_a_quarter_and_three_quarters(name: str) -> None:
    found = phases(RECIPES[name](**RECIPES[name].preset("25-75", None)), "1:8", total=40)
    assert [phase.name for phase in found] == ["dense"] * 10 + ["sparse"] * 20 + ["fine_tune"] * 10
