"""Recipes with masks of their own, against their formulas written out in loops."""

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.compare import assert_nm
from support.masks import slow_mask
from support.stepping import Loop
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import Recipe
from pgf.recipes.patterns import NMPattern
from pgf.recipes.zoo.gmp import Gmp
from pgf.recipes.zoo.pat import Pat
from pgf.recipes.zoo.set import Set
from pgf.recipes.zoo.sparse_then_prune import SparseThenPrune
from pgf.recipes.zoo.srigl import Srigl


@given(st.integers(1, 64), st.integers(2, 64), st.integers(1, 60), st.data())
def test_the_pruned_share_of_gmp_rises_by_a_cubic(
    n: int, m: int, total: int, data: st.DataObject
) -> None:
    n = min(n, m)
    step = data.draw(st.integers(0, total - 1))
    recipe, pattern = Gmp(), NMPattern(n, m)
    phase = recipe.phase(step, total, pattern=pattern)
    left = 1 - Fraction(step, max(1, total - 1))
    pruned = (1 - Fraction(n, m)) * (1 - left**3)
    kept = n if step == total - 1 else max(n, math.ceil(m * (1 - pruned)))
    assert phase.pattern == NMPattern(kept, m)


def test_no_weight_of_gmp_comes_back_and_pruned_ones_get_no_gradient() -> None:
    loop = Loop(Gmp(), total=24).run()
    for seen in loop.seen.values():
        last = torch.ones_like(seen[0].before, dtype=torch.bool)
        for one in seen:
            assert one.mask is not None
            assert not bool((one.mask & ~last).any())
            assert not bool(one.handed[~one.mask].any())
            last = one.mask
        assert_nm(last.double(), NMPattern(1, 4))


def test_pat_follows_the_weights_and_then_heals_under_one_mask() -> None:
    loop = Loop(Pat(fine_tune=0.4)).run()
    for seen in loop.seen.values():
        for step, one in enumerate(seen):
            assert one.mask is not None
            expected = slow_mask(seen[min(step, 6)].before, NMPattern(1, 4))
            assert torch.equal(one.mask, expected)
            masked = one.gradient * one.mask
            assert torch.equal(one.handed, one.gradient if step < 6 else masked)


def test_the_l1_term_is_there_while_dense_and_not_after() -> None:
    loop = Loop(SparseThenPrune(lambda_w=0.3, dense=0.5, fine_tune=0.5)).run()
    for seen in loop.seen.values():
        for one in seen:
            if one.mask is None:
                assert torch.equal(one.handed, one.gradient + 0.3 * one.before.sign())
            else:
                assert torch.equal(one.handed, one.gradient * one.mask)


def updated(weight: Tensor, mask: Tensor, score: Tensor, share: float) -> Tensor:
    """Return the mask after dropping a share of the smallest and growing the best, by hand."""
    places = [(r, c) for r, row in enumerate(mask.tolist()) for c, kept in enumerate(row) if kept]
    places.sort(key=lambda place: (abs(float(weight[place])), place))
    new = mask.clone()
    for place in places[: int(share * len(places))]:
        new[place] = False
    for row in range(len(new)):
        for start in range(0, new.shape[1], 4):
            group = [(row, c) for c in range(start, start + 4)]
            free = sorted((p for p in group if not new[p]), key=lambda p: (-float(score[p]), p))
            for place in free[: 1 - sum(int(new[p]) for p in group)]:
                new[place] = True
    return new


def test_srigl_drops_the_smallest_and_grows_by_the_gradient_of_the_step_before() -> None:
    total, every = 20, 4
    loop = Loop(Srigl(every=every, alpha=0.5, stop=0.75), total=total).run()
    for seen in loop.seen.values():
        for step, one in enumerate(seen):
            assert one.mask is not None
            assert_nm(one.mask.double(), NMPattern(1, 4))
            assert torch.equal(one.handed, one.gradient * one.mask)
            last = seen[step - 1]
            if step in (4, 8, 12):
                assert last.mask is not None
                share = 0.25 * (1 + math.cos(math.pi * step / (0.75 * total)))
                expected = updated(last.after, last.mask, last.gradient.abs(), share)
                assert torch.equal(one.mask, expected) and not torch.equal(one.mask, last.mask)
                assert not bool(one.before[one.mask & ~last.mask].any())
            elif step:
                assert last.mask is not None and torch.equal(one.mask, last.mask)


@pytest.mark.parametrize("recipe", [Srigl(every=5), Set(every=5)])
def test_what_is_kept_through_an_update_keeps_its_weight(recipe: Recipe) -> None:
    loop = Loop(recipe, total=20).run(6)
    for seen in loop.seen.values():
        before, after = seen[4], seen[5]
        assert before.mask is not None and after.mask is not None
        both = before.mask & after.mask
        assert torch.equal(before.after[both], after.before[both])


def test_set_grows_at_random_and_alike_for_one_seed() -> None:
    one, other, graded = (
        Loop(r, total=20).run(6) for r in (Set(every=5), Set(every=5), Srigl(every=5))
    )
    for name, layer in one.layers.items():
        assert torch.equal(layer.mask, other.layers[name].mask)  # type: ignore[arg-type]
    grown = [torch.equal(x.mask, graded.layers[n].mask) for n, x in one.layers.items()]  # type: ignore[arg-type]
    assert not all(grown)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"every": 0}, "every is a number of steps"), ({"alpha": 1.5}, "alpha is a share")],
)
def test_impossible_updates_are_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        Srigl(**settings)  # type: ignore[arg-type]
