"""Pruning after training, against slow definitions."""

import pytest
import torch
from support.compare import assert_nm
from support.masks import slow_mask
from support.stepping import Loop
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.recipes import Inputs
from pgf.recipes.patterns import NMPattern, Target
from pgf.recipes.zoo.dsnot import Dsnot
from pgf.recipes.zoo.sparsegpt import SparseGpt
from pgf.recipes.zoo.wanda import Wanda
from pgf.sparsity import Sparsifier

PATTERN = NMPattern(2, 4)


class Given:
    """A layer with a weight and nothing else."""

    def __init__(self, weight: Tensor) -> None:
        self.weight, self.pattern = weight, PATTERN

    def pick(self, score: Tensor, pattern: NMPattern) -> Tensor:
        return slow_mask(score, pattern)


def drawn(seed: int, rows: int = 6, width: int = 12, tokens: int = 40) -> tuple[Given, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, width, generator=generator, dtype=torch.float64)
    mixed = torch.randn(width, width, generator=generator, dtype=torch.float64)
    x = torch.randn(tokens, width, generator=generator, dtype=torch.float64) @ mixed + 0.3
    return Given(weight), x


def inputs_of(x: Tensor, samples: int = 8) -> Inputs:
    return Inputs(samples=samples, tokens=len(x), total=x.sum(dim=0), gram=x.t() @ x)


def test_wanda_keeps_the_largest_products_of_weight_and_norm() -> None:
    layer, x = drawn(0)
    before = layer.weight.clone()
    mask = Wanda().calibrate(layer, inputs_of(x))
    assert torch.equal(mask, slow_mask(before.abs() * x.square().sum(dim=0).sqrt(), PATTERN))
    assert torch.equal(layer.weight, before)


def obs(weight: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """Prune column by column, each time with the inverse for the columns that are left."""
    weight, width = weight.clone(), weight.shape[1]
    mask = torch.zeros_like(weight, dtype=torch.bool)
    for j in range(width):
        if j % PATTERN.m == 0:
            group = range(j, j + PATTERN.m)
            # What a column costs once those before it are settled.
            costs = [float(torch.linalg.inv(hessian[k:, k:])[0, 0]) for k in group]
            score = weight[:, j : j + PATTERN.m].square() / torch.tensor(costs)
            mask[:, j : j + PATTERN.m] = slow_mask(score, PATTERN)
        inverse = torch.linalg.inv(hessian[j:, j:])
        error = torch.where(mask[:, j], 0.0, weight[:, j]) / inverse[0, 0]
        weight[:, j:] -= error[:, None] * inverse[0]
        weight[:, j] = torch.where(mask[:, j], weight[:, j], 0.0)
    return mask, weight


@pytest.mark.parametrize("seed", range(3))
def test_sparsegpt_is_optimal_brain_surgery_column_by_column(seed: int) -> None:
    layer, x = drawn(seed)
    hessian = x.t() @ x
    damped = hessian + 0.01 * hessian.diagonal().mean() * torch.eye(12, dtype=torch.float64)
    expected_mask, expected = obs(layer.weight, damped)
    mask = SparseGpt().calibrate(layer, inputs_of(x))
    assert torch.equal(mask, expected_mask)
    torch.testing.assert_close(layer.weight, expected, rtol=1e-6, atol=1e-8)


def test_sparsegpt_leaves_a_smaller_error_of_the_output_than_its_mask_alone() -> None:
    layer, x = drawn(5)
    before = layer.weight.clone()
    mask = SparseGpt().calibrate(layer, inputs_of(x))
    error = ((layer.weight - before) @ x.t()).square().sum()
    assert error < ((before * mask - before) @ x.t()).square().sum()


def test_an_input_that_is_always_zero_does_no_harm() -> None:
    layer, x = drawn(6)
    x[:, 3] = 0.0
    mask = SparseGpt().calibrate(layer, inputs_of(x))
    assert bool(layer.weight.isfinite().all()) and not bool(layer.weight[:, 3].any())
    assert_nm(mask.double(), PATTERN)


def slow_dsnot(weight: Tensor, x: Tensor, samples: int, cycles: int, threshold: float) -> Tensor:
    """Grow and prune in pairs, row by row, with numbers."""
    norm = (x.square().sum(dim=0) / samples).sqrt()
    variance = x.var(dim=0, unbiased=False)
    masks = slow_mask(weight.abs() * norm, PATTERN)
    for row in range(len(weight)):
        part = (weight[row] * x.sum(dim=0) / samples).tolist()
        grow_by = [p / v for p, v in zip(part, variance.tolist(), strict=True)]
        fall_by = (weight[row].abs() * norm).tolist()
        kept = masks[row].tolist()
        free = {i for i, k in enumerate(kept) if not k}
        may_fall = {i for i, k in enumerate(kept) if k}
        error = sum(p for p, k in zip(part, kept, strict=True) if not k)
        positive = error > 0
        for _ in range(cycles):
            if not free:
                break
            grown = max(free, key=lambda i: grow_by[i] if error > 0 else -grow_by[i])
            group = [i for i in may_fall if i // PATTERN.m == grown // PATTERN.m]
            if not group:
                break
            falling = min(group, key=lambda i: fall_by[i])
            after = error + part[falling] - part[grown]
            if (after > 0) != positive or abs(error) <= threshold:
                break
            error = after
            masks[row, falling], masks[row, grown] = False, True
            free.discard(grown)
            may_fall.discard(falling)
    return masks


@pytest.mark.parametrize("seed", range(6))
def test_dsnot_swaps_weights_while_the_expected_error_of_a_row_shrinks(seed: int) -> None:
    layer, x = drawn(seed, rows=9, width=24)
    mask = Dsnot(threshold=0.01).calibrate(layer, inputs_of(x))
    assert torch.equal(mask, slow_dsnot(layer.weight, x, 8, 50, 0.01))
    assert_nm(mask.double(), PATTERN)


def test_dsnot_swaps_something_at_all() -> None:
    layer, x = drawn(1, rows=9, width=24)
    plain = Wanda().calibrate(layer, inputs_of(x))
    assert not torch.equal(Dsnot(threshold=0.01).calibrate(layer, inputs_of(x)), plain)


def test_a_layer_sees_what_the_pruned_ones_before_it_give() -> None:
    loop = Loop(Wanda(), target="2:4(FF)", total=1)
    loop.sparsifier.calibrate(0, loop.forward)
    block, first = loop.model, loop.layers["mlp.fc1"]
    with torch.no_grad():
        q, k, v = block.attn["qkv"](loop.batch).chunk(3, dim=-1)
        x = loop.batch + torch.tanh(q * k) + v
        norm = x.square().sum(dim=0).sqrt()
        mask = slow_mask(first.weight.abs() * norm, PATTERN)
        assert torch.equal(first.fixed["calibrated"], mask)
        hidden = torch.tanh(x @ (first.weight * mask).t() + block.mlp["fc1"].bias)
        norm = hidden.square().sum(dim=0).sqrt()
    second = loop.layers["mlp.fc2"]
    assert torch.equal(second.fixed["calibrated"], slow_mask(second.weight.abs() * norm, PATTERN))
    assert torch.equal(first.effective, first.weight), "the model is dense again"


def test_without_calibration_a_loop_is_told_what_to_call() -> None:
    model = nn.Sequential(nn.Linear(8, 4))
    sparsifier = Sparsifier(
        model,
        target=Target.parse("2:4(FF)"),
        recipe=Wanda(),
        total_steps=1,
        mask_seed=0,
        groups={"FF": [".*"]},
    )
    with pytest.raises(UserError, match=r"call sparsifier\.calibrate\(step, forward\) before"):
        sparsifier.refresh(0)
    with pytest.raises(UserError, match="no calibration batch came through 0"):
        sparsifier.calibrate(0, lambda: None)
