"""Packed weights and the patterns that are read off zeros."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.packed import PATTERNS, sparse_weight

from pgf.errors import UserError
from pgf.inference import PackedWeight
from pgf.inference.patterns import blocks_of, pattern_of
from pgf.inference.reading import halves, nibbles
from pgf.recipes import NMPattern


@given(
    st.sampled_from(PATTERNS),
    st.sampled_from([torch.float32, torch.bfloat16, torch.float16, torch.float64]),
    st.integers(0, 99),
)
def test_packing_loses_nothing(text: str, dtype: torch.dtype, seed: int) -> None:
    weight = sparse_weight(text, rows=7, groups=3, seed=seed).to(dtype)
    weight[seed % 7, : seed % 5] = 0.0  # groups that keep fewer than N
    packed = PackedWeight.of(weight, NMPattern.parse(text))
    assert torch.equal(packed.dense(), weight) and packed.values.dtype == dtype
    assert (packed.indices.int().diff(dim=-1) > 0).all()
    n, m, groups = packed.pattern.n, packed.pattern.m, 7 * 3
    assert packed.nbytes == groups * n * dtype.itemsize + -(-groups * n * packed.bits // 8)
    assert packed.bits == (4 if m <= 16 else 8)


def test_values_that_are_not_finite_are_kept() -> None:
    weight = torch.zeros(2, 8)
    weight[0, 3], weight[1, 6] = torch.nan, -torch.inf
    dense = PackedWeight.of(weight, NMPattern(1, 4)).dense()
    assert torch.equal(dense.nan_to_num(7.0), weight.nan_to_num(7.0))


def test_more_than_n_is_refused() -> None:
    with pytest.raises(UserError, match="to be packed as 1:4 keeps more in a group"):
        PackedWeight.of(torch.ones(2, 8), NMPattern(1, 4))
    with pytest.raises(UserError, match="1:3 cannot be packed: M must be at most 256 and divide"):
        PackedWeight.of(torch.zeros(2, 8), NMPattern(1, 3))


@given(st.sampled_from(PATTERNS), st.integers(0, 99))
def test_the_pattern_of_a_weight_is_read(text: str, seed: int) -> None:
    """M is the least that has the share, as no kept weight is zero and groups are many."""
    given_pattern = NMPattern.parse(text)
    weight = sparse_weight(text, rows=24, groups=16, seed=seed)
    found = pattern_of(weight)
    assert found is not None and found.density <= given_pattern.density
    assert slowly_kept(weight, found.m) == found.n
    assert blocks_of(weight) is not None


def slowly_kept(weight: torch.Tensor, m: int) -> int:
    groups = [row[start : start + m] for row in weight.tolist() for start in range(0, len(row), m)]
    return max(sum(value != 0.0 for value in group) for group in groups)


def test_blocks_of_rows_have_patterns_of_their_own() -> None:
    q, k = (sparse_weight(text, rows=8, groups=64 // m) for text, m in (("1:16", 16), ("2:4", 4)))
    v = torch.ones(4, 64)
    k[2] = 0.0  # a row of zeros is of its block
    assert blocks_of(torch.cat([q, k, v])) == [
        (8, NMPattern(1, 16)),
        (8, NMPattern(2, 4)),
        (4, None),
    ]
    assert blocks_of(v) is None and blocks_of(torch.ones(3, 7)) is None
    assert blocks_of(torch.zeros(0, 8)) is None


@given(st.lists(st.integers(0, 15), max_size=9))
def test_two_indices_share_a_byte(places: list[int]) -> None:
    flat = torch.tensor(places, dtype=torch.uint8)
    packed = nibbles(flat)
    assert len(packed) == (len(places) + 1) // 2
    assert halves(packed)[: len(places)].tolist() == places
