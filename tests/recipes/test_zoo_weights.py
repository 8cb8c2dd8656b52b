"""Recipes with effective weights of their own, against their formulas written out in loops."""

import math
from collections.abc import Iterator

import pytest
import torch
from support.masks import slow_mask
from support.stepping import Loop, Seen
from torch import Tensor

from pgf.errors import UserError
from pgf.recipes.patterns import NMPattern
from pgf.recipes.zoo.maxq import MaxQ
from pgf.recipes.zoo.powerpropagation import Powerpropagation
from pgf.recipes.zoo.s_ste import SSte

PATTERN = NMPattern(1, 4)


def groups(weight: Tensor) -> Iterator[tuple[int, int, list[float]]]:
    """Yield row, first column and values of group after group."""
    for row, values in enumerate(weight.tolist()):
        for start in range(0, len(values), PATTERN.m):
            yield row, start, values[start : start + PATTERN.m]


def soft(weight: Tensor) -> Tensor:
    """Return S(W): kept weights less the group's largest pruned magnitude."""
    out = torch.zeros_like(weight)
    for row, start, values in groups(weight):
        order = sorted(range(PATTERN.m), key=lambda i: -abs(values[i]))
        threshold = abs(values[order[PATTERN.n]])
        for i in order[: PATTERN.n]:
            out[row, start + i] = math.copysign(abs(values[i]) - threshold, values[i])
    return out


def sparse_steps(loop: Loop) -> Iterator[tuple[list[Seen], Seen]]:
    for seen in loop.seen.values():
        for one in seen:
            if one.mask is not None:
                yield seen, one


def test_s_ste_shrinks_by_the_largest_pruned_magnitude_and_scales_once() -> None:
    loop = Loop(SSte(dense=0.2)).run()
    for seen, one in sparse_steps(loop):
        first = seen[2].before
        beta = float((first * soft(first)).sum() / soft(first).square().sum())
        torch.testing.assert_close(one.effective, beta * soft(one.before), rtol=1e-12, atol=1e-14)
        assert torch.equal(one.handed, one.gradient)


def test_the_scale_of_s_ste_makes_the_distance_least() -> None:
    loop = Loop(SSte()).run(1)
    for layer in loop.layers.values():
        weight, beta = loop.seen[layer.name][0].before, float(layer.memory["beta"])

        def distance(scale: float, weight: Tensor = weight) -> float:
            return float((weight - scale * soft(weight)).square().sum())

        assert distance(beta) < min(distance(beta * 0.99), distance(beta * 1.01))


def test_an_evaluation_while_dense_does_not_freeze_the_scale() -> None:
    loop = Loop(SSte(dense=0.5)).run(2)
    with loop.sparsifier.strict():
        pass
    assert all("beta" not in layer.memory for layer in loop.layers.values())


def test_powerpropagation_begins_where_the_model_would() -> None:
    loop, plain = Loop(Powerpropagation(alpha=3.0)), Loop(SSte())
    loop.sparsifier.refresh(0)
    for name, layer in loop.layers.items():
        torch.testing.assert_close(layer.effective, plain.layers[name].weight, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", [1.0, 1.5, 2.0, 4.0])
def test_powerpropagation_has_the_gradient_of_the_chain_rule(alpha: float) -> None:
    loop = Loop(Powerpropagation(alpha=alpha, dense=0.5)).run()
    for seen in loop.seen.values():
        for one in seen:
            mask = torch.ones_like(one.before) if one.mask is None else one.mask.double()
            power = one.before.sign() * one.before.abs() ** alpha
            torch.testing.assert_close(one.effective, power * mask, rtol=1e-12, atol=1e-15)
            slope = alpha * one.before.abs() ** (alpha - 1)
            torch.testing.assert_close(
                one.handed, one.gradient * slope * mask, rtol=1e-10, atol=1e-14
            )


def test_powerpropagation_with_alpha_1_has_plain_weights() -> None:
    loop = Loop(Powerpropagation(alpha=1.0)).run()
    for seen in loop.seen.values():
        assert all(torch.equal(one.effective, one.before) for one in seen if one.mask is None)


def slow_importance(weight: Tensor, tau: float) -> Tensor:
    """Return MaxQ's f, row by row."""
    out = torch.zeros_like(weight)
    for row, values in enumerate(weight.abs().tolist()):
        pruned = int((1 - PATTERN.density) * len(values))
        ordered = sorted(values)
        threshold = (ordered[pruned - 1] + ordered[pruned]) / 2
        for i, value in enumerate(values):
            if value >= ordered[pruned]:
                out[row, i] = 1 / (1 + math.exp(-(value - threshold) / tau))
    return out


def test_maxq_weighs_the_largest_of_a_row_and_tightens_by_one() -> None:
    loop = Loop(MaxQ(fine_tune=0.3, tau=0.05)).run()
    kept = [4, 4, 4, 3, 3, 2, 2, 1, 1, 1]  # 4 - int(3 t / 7)
    for seen in loop.seen.values():
        for count, one in zip(kept, seen, strict=True):
            mask = slow_mask(one.before, NMPattern(count, 4))
            expected = one.before * mask * (1 + slow_importance(one.before, 0.05))
            torch.testing.assert_close(one.effective, expected, rtol=1e-12, atol=1e-14)


def test_alpha_below_1_is_refused() -> None:
    with pytest.raises(UserError, match=r"alpha must be 1 or more: 0\.5"):
        Powerpropagation(alpha=0.5)
