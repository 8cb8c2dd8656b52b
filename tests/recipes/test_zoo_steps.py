"""Recipes with a say in the optimiser's step, against their formulas written out."""

from dataclasses import replace

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
from pgf.recipes.zoo.gpusq import Gpusq
from pgf.recipes.zoo.iss_p import IssP
from pgf.recipes.zoo.lbc import Lbc
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


def test_without_a_dense_step_adams_own_second_moment_goes_on() -> None:
    ours, plain = Loop(Step(dense=0.0)).run(), Loop(Ste()).run()
    for name, layer in ours.layers.items():
        assert torch.equal(layer.weight, plain.layers[name].weight)


def test_adams_own_decay_is_not_taken_twice() -> None:
    dense = 4
    loop = Loop(Step(dense=dense / 10), optimizer=torch.optim.Adam).run()
    for seen in loop.seen.values():
        # Adam's decay, unlike AdamW's, is a part of the gradient.
        decayed = [replace(one, handed=one.handed + DECAY * one.before) for one in seen]
        kept = moments(decayed[:dense])[1] / (1 - BETAS[1] ** dense)
        for count, one in enumerate(decayed[dense:], start=dense + 1):
            first = moments(decayed[:count])[0] / (1 - BETAS[0] ** count)
            expected = one.before - RATE * first / (kept.sqrt() + EPSILON)
            torch.testing.assert_close(one.after, expected, rtol=1e-9, atol=1e-13)


def test_a_step_that_a_scaler_skips_is_left_alone() -> None:
    loop = Loop(SrSteDecoupled(lambda_w=0.9))
    loop.sparsifier.refresh(0)
    loop.model(loop.batch).square().sum().backward()
    loop.sparsifier.take_gradients()
    loop.sparsifier.apply_gradient_rule()
    before = {name: layer.weight.clone() for name, layer in loop.layers.items()}
    loop.chosen.found_inf = torch.tensor(1.0)  # type: ignore[attr-defined]  # as GradScaler does
    loop.sparsifier._watch.after()  # type: ignore[union-attr]
    assert all(torch.equal(before[name], layer.weight) for name, layer in loop.layers.items())
    del loop.chosen.found_inf  # type: ignore[attr-defined]
    loop.sparsifier._watch.after()  # type: ignore[union-attr]
    assert not any(torch.equal(before[name], layer.weight) for name, layer in loop.layers.items())


def test_binding_again_takes_the_place_of_the_first() -> None:
    once, twice = Loop(SrSteDecoupled(lambda_w=0.5)), Loop(SrSteDecoupled(lambda_w=0.5))
    twice.sparsifier.bind(twice.chosen)
    for loop in (once, twice):
        loop.run(2)
    for name, layer in once.layers.items():
        assert torch.equal(layer.weight, twice.layers[name].weight)


@pytest.mark.parametrize("name", ["step", "ast", "maskllm"])
def test_adams_moments_need_adam(name: str) -> None:
    with pytest.raises(UserError, match="must be adam or adamw, not SGD"):
        Loop(find_recipe(name)(), optimizer=torch.optim.SGD)


def test_a_loop_that_forgot_to_bind_is_told() -> None:
    loop = Loop(SrSteDecoupled())
    loop.sparsifier._watch = None
    with pytest.raises(UserError, match=r"since it acts in its step: call sparsifier\.bind"):
        loop.step(0)


def test_a_loop_whose_optimiser_has_no_scores_is_told() -> None:
    loop = Loop(Lbc(), target="2:4(FF)")
    owned = [loop.sparsifier.optimizer_parameter(*p) for p in loop.model.named_parameters()]
    with pytest.raises(UserError, match=r"does not own the scores of mlp\.fc1"):
        loop.sparsifier.bind(torch.optim.AdamW(owned))


def test_an_optimiser_without_the_masters_is_refused() -> None:
    loop = Loop(SrSteDecoupled())
    other = torch.optim.AdamW(loop.model.parameters())
    with pytest.raises(UserError, match=r"does not own the master weight of mlp\.fc1"):
        loop.sparsifier.bind(other)


def test_a_loop_without_a_teacher_is_told() -> None:
    with pytest.raises(UserError, match="the recipe Gpusq learns from the dense model"):
        Loop(Gpusq()).run()
