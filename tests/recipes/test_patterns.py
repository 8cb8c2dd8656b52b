"""Patterns and targets: text forms, order, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgf.errors import UserError
from pgf.recipes.patterns import GROUPS, ROLES, NMPattern, Target

patterns = st.integers(1, 200).flatmap(
    lambda m: st.integers(1, m).map(lambda n: NMPattern(n, m)),
)
DISJOINT = [["FF"], ["FF", "QK"], ["FF", "QKV"], ["Q", "K", "V"], ["QK", "V", "O", "CONV"]]


@st.composite
def targets(draw: st.DrawFn) -> Target:
    groups = draw(st.sampled_from(DISJOINT).flatmap(st.permutations))
    return Target(tuple((group, draw(patterns)) for group in groups))


@given(patterns)
def test_a_pattern_is_read_back_from_its_text(pattern: NMPattern) -> None:
    assert NMPattern.parse(str(pattern)) == pattern


@given(targets())
def test_a_target_is_read_back_from_its_text(target: Target) -> None:
    assert Target.parse(str(target)) == target


@given(targets())
def test_the_label_of_a_target_is_read_as_the_same_target(target: Target) -> None:
    assert Target.parse(target.label) == target


@given(targets(), targets())
def test_two_targets_have_different_paths(one: Target, other: Target) -> None:
    assert (one.slug == other.slug) == (one == other)


def test_a_mixed_target_has_its_forms() -> None:
    target = Target.parse(" 1:8 (ff) + 2:4(QK) ")
    assert str(target) == "1:8(FF)+2:4(QK)"
    assert target.label == "1:8 (FF)+2:4 (QK)"
    assert target.slug == "1of8_FF+2of4_QK"


def test_groups_of_one_pattern_share_a_bracket() -> None:
    target = Target.parse("1:16(FF + qkv+O)")
    assert target == Target.parse("1:16(FF)+1:16(QKV)+1:16(O)")
    assert target.label == "1:16 (FF+QKV+O)" and str(target) == "1:16(FF)+1:16(QKV)+1:16(O)"
    assert Target.parse("1:8(FF+O)+1:4(QK)").label == "1:8 (FF+O)+1:4 (QK)"


def test_a_bare_pattern_means_the_feed_forward_layers() -> None:
    assert Target.parse("1:16") == Target.parse("1:16(FF)")


def test_dense_is_a_target_without_parts() -> None:
    target = Target.parse(" dense ")
    assert target.is_dense and str(target) == target.slug == "dense" and target.label == "Dense"
    assert not Target.parse("1:8").is_dense


def test_n_is_the_number_of_weights_kept() -> None:
    assert NMPattern.parse("1:8").density == 0.125


def test_each_role_takes_the_pattern_of_its_group() -> None:
    target = Target.parse("1:8(FF)+2:4(QK)")
    found = {role: target.pattern_for(role) for role in ROLES}
    nm = NMPattern.parse
    qk = {"Q": nm("2:4"), "K": nm("2:4"), "V": None, "O": None}
    assert found == {"FF": nm("1:8"), **qk, "CONV": None}


@given(st.lists(patterns, min_size=2))
def test_patterns_are_ordered_by_density(several: list[NMPattern]) -> None:
    densities = [pattern.n / pattern.m for pattern in sorted(several)]
    assert densities == sorted(densities)


def test_equally_dense_patterns_are_ordered_by_group() -> None:
    assert sorted(map(NMPattern.parse, ["4:16", "1:4", "2:8"])) == [
        NMPattern(1, 4),
        NMPattern(2, 8),
        NMPattern(4, 16),
    ]


@given(patterns, st.integers(1, 32))
def test_multiples_of_a_pattern_keep_its_density(pattern: NMPattern, k: int) -> None:
    multiple = pattern.times(k)
    assert (multiple.n, multiple.m) == (k * pattern.n, k * pattern.m)
    assert multiple.density == pytest.approx(pattern.density, rel=1e-15)


@given(patterns, st.integers(1, 1000))
def test_a_pattern_fits_where_rows_divide_into_groups(pattern: NMPattern, width: int) -> None:
    assert pattern.fits(width) == (width // pattern.m * pattern.m == width)


@pytest.mark.parametrize("text", ["4:2", "0:4", "0:0", "3:2(FF)"])
def test_n_outside_one_to_m_is_refused_with_the_rule(text: str) -> None:
    with pytest.raises(UserError, match=rf"{text.partition('(')[0]}.*between 1 and M"):
        Target.parse(text)


@pytest.mark.parametrize("text", ["", "2", "2:", "2/4", "a:b", "2:4:8", "-1:4", "1.5:4", "2:4x"])
def test_what_is_no_pattern_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(UserError, match=f"'{text}' is not of the form"):
        NMPattern.parse(text)


@pytest.mark.parametrize("text", ["", "junk", "1:8(FF", "1:8+", "1:8(FF)2:4(QK)", "dense+1:8(FF)"])
def test_what_is_no_target_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(UserError, match="is not of the form") as caught:
        Target.parse(text)
    assert f"'{text}'" in str(caught.value)


def test_an_unknown_group_is_refused_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'1:8\(QKW\)'.*'QKW'.*did you mean 'QK'"):
        Target.parse("1:8(QKW)")


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_a_role_that_gets_two_patterns_is_refused(group: str) -> None:
    role = GROUPS[group][0]
    with pytest.raises(UserError, match=f"the group {role} more than one pattern"):
        Target.parse(f"1:8({group})+2:4({role})")
