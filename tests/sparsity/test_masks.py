"""N:M masks against their definition, written slowly."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.compare import assert_nm
from support.masks import KINDS, make_scores, slow_mask
from torch import Tensor

from pgf.recipes.patterns import NMPattern
from pgf.sparsity.masks import nm_mask

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]

small_patterns = st.integers(1, 16).flatmap(
    lambda m: st.integers(1, m).map(lambda n: NMPattern(n, m))
)
patterns = small_patterns | st.sampled_from(
    [NMPattern(1, 128), NMPattern(7, 8), NMPattern(8, 16), NMPattern(15, 16), NMPattern(5, 16)]
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Tensor, NMPattern]:
    pattern = draw(patterns)
    rows, groups = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    kind, seed = draw(st.sampled_from(KINDS)), draw(st.integers(0, 10_000))
    scores = make_scores(kind, rows, groups * pattern.m, seed)
    return scores.to(draw(st.sampled_from(DTYPES))), pattern


@given(cases())
@settings(max_examples=300)
def test_the_mask_is_that_of_the_definition(case: tuple[Tensor, NMPattern]) -> None:
    score, pattern = case
    assert torch.equal(nm_mask(score, pattern), slow_mask(score, pattern))


@given(cases())
def test_a_transposed_view_gives_the_same_mask(case: tuple[Tensor, NMPattern]) -> None:
    score, pattern = case
    view = score.t().contiguous().t()
    assert torch.equal(nm_mask(view, pattern), slow_mask(score, pattern))


@given(cases())
def test_the_score_is_left_as_it_was(case: tuple[Tensor, NMPattern]) -> None:
    score, pattern = case
    before = score.clone()
    nm_mask(score, pattern)
    assert torch.equal(score.nan_to_num(), before.nan_to_num())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("text", ["1:4", "2:4", "1:128", "5:16", "7:8", "15:16", "8:8"])
def test_exactly_n_are_kept_of_many_rounded_weights(text: str, dtype: torch.dtype) -> None:
    # A threshold mask keeps too many in 0.4% (1:4) to 1.7% (1:128) of bfloat16 groups.
    weight = torch.randn(64, 512, generator=torch.Generator().manual_seed(7)).to(dtype)
    assert_nm(nm_mask(weight, NMPattern.parse(text)), NMPattern.parse(text))


@pytest.mark.parametrize("text", ["1:4", "2:4", "3:4", "5:16", "15:16", "1:128"])
def test_a_group_of_zeros_keeps_its_first_n(text: str) -> None:
    pattern = NMPattern.parse(text)
    kept = nm_mask(torch.zeros(1, pattern.m), pattern)[0].nonzero().squeeze(1).tolist()
    assert kept == list(range(pattern.n))


def test_a_worked_row() -> None:
    score = torch.tensor([[0.3, -0.9, 0.3, 0.1, -2.0, 2.0, -2.0, 5.0]])
    kept = nm_mask(score, NMPattern(2, 4)).int().tolist()
    assert kept == [[1, 1, 0, 0, 1, 0, 0, 1]]


def test_nan_counts_as_larger_than_infinity() -> None:
    score = torch.tensor([[math.inf, -math.nan, 3.0, math.nan]])
    assert nm_mask(score, NMPattern(1, 4)).int().tolist() == [[0, 1, 0, 0]]
    assert nm_mask(score, NMPattern(3, 4)).int().tolist() == [[1, 1, 0, 1]]


def test_all_nan_are_equal_whatever_bits_they_hold() -> None:
    bits = torch.tensor([[0x7FC00001, 0x7FC00007, -0x400000 + 5, 0x7F800000]], dtype=torch.int32)
    score = bits.view(torch.float32)
    assert score.isnan().tolist() == [[True, True, True, False]]
    assert nm_mask(score, NMPattern(2, 4)).int().tolist() == [[1, 1, 0, 0]]


@pytest.mark.gpu
def test_a_gpu_gives_the_mask_of_the_definition() -> None:
    texts = ["1:4", "2:4", "5:16", "15:16", "1:128", "64:128"]
    for pattern, kind, dtype in product(map(NMPattern.parse, texts), KINDS, DTYPES):
        score = make_scores(kind, 40, 256, seed=9).to(dtype)
        assert torch.equal(nm_mask(score.cuda(), pattern).cpu(), slow_mask(score, pattern))


def test_more_axes_than_two_keep_the_groups_on_the_last() -> None:
    score = torch.randn(3, 2, 5, 8, generator=torch.Generator().manual_seed(2))
    flat = slow_mask(score.reshape(30, 8), NMPattern(3, 8))
    assert torch.equal(nm_mask(score, NMPattern(3, 8)), flat.view(3, 2, 5, 8))


@pytest.mark.parametrize(("rows", "width", "text"), [(128, 192, "1:128"), (4, 6, "2:4")])
def test_groups_never_straddle_rows(rows: int, width: int, text: str) -> None:
    # The number of entries divides into groups; the rows do not.
    pattern = NMPattern.parse(text)
    assert rows * width % pattern.m == 0
    with pytest.raises(ValueError, match=rf"{width}.*{pattern.m}"):
        nm_mask(torch.ones(rows, width), pattern)
