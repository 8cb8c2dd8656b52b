"""Recipes with a say in the optimiser's step, against their formulas written out."""

import pytest
import torch
from support.masks import slow_mask
from support.stepping import BETAS, DECAY, EPSILON, RATE, Loop, Seen
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes import find_recipe
from pgf.recipes.baselines import Ste
from pgf.recipes.patterns import NMPattern
from pgf.recipes.zoo.ast import Ast
from pgf.recipes.zoo.iss_p import IssP
from pgf.recipes.zoo.sr_ste_decoupled import SrSteDecoupled
from pgf.recipes.zoo.step import Step


def moments(seen: list[Seen]) -> tuple[Tensor, Tensor]:
    """Return Adam's m and v after the steps seen, without bias correction."""
    first = second = torch.zeros_like(seen[0].before)
    for one in seen:
        first = BETAS[0] * first + (1 - BETAS[0]) * one.handed
        second = BETAS[1] * second + (1 - BETAS[1]) * one.handed**2
    return first, second


def adam(before: Tensor, first: Tensor, second: Tensor, count: int) -> Tensor:
    """Return the weight after a step with m and v, both corrected for their bias."""
    update = (first / (1 - BETAS[0] ** count)) / (
        (second / (1 - BETAS[1] ** count)).sqrt() + EPSILON
    )
    return before * (1 - RATE * DECAY) - RATE * update


def test_the_decoupled_decay_comes_after_adams_own_step() -> None:
    loop = Loop(SrSteDecoupled(lambda_w=0.7)).run()
    for seen in loop.seen.values():
        for count, one in enumerate(seen, start=1):
            plain = adam(one.before, *moments(seen[:count]), count)
            assert one.mask is not None
            expected = torch.where(one.mask, plain, plain - RATE * 0.7 * plain)
            torch.testing.assert_close(one.after, expected, rtol=1e-10, atol=1e-14)
            assert torch.equal(one.handed, one.gradient)


def test_without_lambda_it_is_the_straight_through_estimator_bitwise() -> None:
    ours, plain = Loop(SrSteDecoupled(lambda_w=0.0)).run(), Loop(Ste()).run()
    for name, layer in ours.layers.items():
        assert torch.equal(layer.weight, plain.layers[name].weight)


def test_step_keeps_the_second_moment_of_the_last_dense_step() -> None:
    dense = 4
    loop = Loop(Step(dense=dense / 10)).run()
    for seen in loop.seen.values():
        _, second = moments(seen[:dense])
        kept = second / (1 - BETAS[1] ** dense)
        for count, one in enumerate(seen, start=1):
            first, own = moments(seen[:count])
            if count <= dense:
                expected = adam(one.before, first, own, count)
            else:
                update = first / (1 - BETAS[0] ** count) / (kept.sqrt() + EPSILON)
                expected = one.before * (1 - RATE * DECAY) - RATE * update
            torch.testing.assert_close(one.after, expected, rtol=1e-9, atol=1e-13)


def test_the_decay_of_ast_joins_after_the_first_moment_and_enters_the_second() -> None:
    lambda_w, ramp = 0.3, 0.5
    loop = Loop(Ast(lambda_w=lambda_w, ramp=ramp)).run()
    for seen in loop.seen.values():
        second = torch.zeros_like(seen[0].before)
        for count, one in enumerate(seen, start=1):
            assert one.mask is not None
            first, _ = moments(seen[:count])
            pull = min(1.0, (count - 1) / (ramp * 10)) * lambda_w
            decayed = one.before * (1 - RATE * DECAY)
            update = torch.where(one.mask, first, first + pull * decayed)
            second = BETAS[1] * second + (1 - BETAS[1]) * update**2
            expected = adam(one.before, update, second, count)
            torch.testing.assert_close(one.after, expected, rtol=1e-9, atol=1e-13)


def test_iss_p_shrinks_what_is_not_among_the_largest_until_it_is_pruned() -> None:
    loop = Loop(IssP(fine_tune=0.3, shrink=0.25), optimizer=torch.optim.SGD).run()
    for seen in loop.seen.values():
        for one in seen[:7]:
            assert one.mask is not None and torch.equal(one.effective, one.before)
            moved = one.before - RATE * (one.gradient + DECAY * one.before)
            expected = torch.where(slow_mask(moved, NMPattern(1, 4)), moved, 0.75 * moved)
            torch.testing.assert_close(one.after, expected, rtol=1e-12, atol=1e-14)
        for one in seen[7:]:
            assert one.mask is not None and torch.equal(one.mask, seen[7].mask)
            assert torch.equal(one.effective, one.before * one.mask)


@pytest.mark.parametrize("name", ["step", "ast", "maskllm"])
def test_adams_moments_need_adam(name: str) -> None:
    with pytest.raises(UserError, match="must be adam or adamw, not SGD"):
        Loop(find_recipe(name)(), optimizer=torch.optim.SGD)


def test_a_loop_that_forgot_to_bind_is_told() -> None:
    loop = Loop(SrSteDecoupled())
    loop.sparsifier._watch = None
    with pytest.raises(UserError, match=r"call sparsifier\.bind\(optimizer\)"):
        loop.step(0)


def test_an_optimiser_without_the_masters_is_refused() -> None:
    loop = Loop(SrSteDecoupled())
    other = torch.optim.AdamW(loop.model.parameters())
    with pytest.raises(UserError, match=r"does not own the master weight of mlp\.fc1"):
        loop.sparsifier.bind(other)
