"""Recipes with a second mask for the input's gradient, and those with scores."""

import math
from itertools import combinations

import pytest
import torch
from support.compare import assert_nm
from support.masks import slow_mask
from support.stepping import Loop
from torch import Tensor, nn
from torch.nn import functional
from transformers.pytorch_utils import Conv1D

from pgf.errors import UserError
from pgf.recipes import Recipe
from pgf.recipes.patterns import NMPattern, Target
from pgf.recipes.zoo.bdwp import Bdwp
from pgf.recipes.zoo.bi_mask import BiMask
from pgf.recipes.zoo.lbc import Lbc
from pgf.recipes.zoo.maskllm import MaskLlm
from pgf.recipes.zoo.wanda import Wanda
from pgf.sparsity import Sparsifier
from pgf.sparsity.two_weights import split

PATTERN = NMPattern(1, 4)


def two_weights(module: nn.Module, weight: Tensor, other: Tensor, x: Tensor) -> list[Tensor]:
    """Return output and gradients of a layer whose input's gradient goes through `other`."""
    other_buffer = split(module)
    with torch.no_grad():
        module.get_parameter("weight").copy_(weight)
        other_buffer.copy_(other)
    inputs = x.clone().requires_grad_()
    module(inputs).square().sum().backward()
    found = [inputs.grad, module.get_parameter("weight").grad, module.get_parameter("bias").grad]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("kind", ["linear", "conv1d"])
@pytest.mark.parametrize("shape", [(5, 8), (2, 3, 8)])
def test_the_inputs_gradient_alone_goes_through_the_other_weight(
    kind: str, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    module = nn.Linear(8, 4).double() if kind == "linear" else Conv1D(4, 8).double()
    x = torch.randn(shape, dtype=torch.float64)
    weight = torch.randn_like(module.weight)
    other = torch.randn_like(module.weight)
    found = two_weights(module, weight, other, x)

    matrix, backward = (weight, other) if kind == "linear" else (weight.t(), other.t())
    out = functional.linear(x, matrix, module.bias.detach())
    gradient = 2 * out
    of_weight = gradient.flatten(0, -2).t() @ x.flatten(0, -2)
    expected = [
        gradient @ backward,
        of_weight if kind == "linear" else of_weight.t(),
        gradient.flatten(0, -2).sum(dim=0),
    ]
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-13)


def test_with_equal_weights_it_is_the_plain_layer() -> None:
    torch.manual_seed(1)
    plain, x = nn.Linear(8, 4).double(), torch.randn(3, 8, dtype=torch.float64)
    inputs = x.clone().requires_grad_()
    plain(inputs).square().sum().backward()
    expected = [inputs.grad, plain.weight.grad, plain.bias.grad]
    copied = nn.Linear(8, 4).double()
    copied.load_state_dict(plain.state_dict())
    weight = plain.weight.detach()
    for mine, theirs in zip(two_weights(copied, weight, weight, x), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-13, atol=1e-14)


def test_bdwp_masks_the_same_weights_along_both_axes() -> None:
    loop = Loop(Bdwp()).run(3)
    loop.sparsifier.refresh(3)
    for layer in loop.layers.values():
        assert layer.backward is not None
        along_outputs = slow_mask(layer.weight.t(), PATTERN).t()
        assert torch.equal(layer.backward, layer.weight * along_outputs)
        assert torch.equal(layer.effective, layer.weight * slow_mask(layer.weight, PATTERN))


def test_while_dense_the_inputs_gradient_is_dense() -> None:
    loop = Loop(Bdwp(dense=0.5)).run(2)
    for layer in loop.layers.values():
        assert layer.backward is not None and torch.equal(layer.backward, layer.effective)


def test_bi_mask_keeps_a_part_of_the_forward_mask_that_is_nm_along_the_outputs() -> None:
    loop = Loop(BiMask(every=4, tries=7)).run(6)
    for layer in loop.layers.values():
        assert layer.backward is not None and layer.mask is not None
        kept = layer.backward != 0
        assert not bool((kept & ~layer.mask).any())
        rows = layer.memory["rows"]
        assert sorted(rows.tolist()) == list(range(len(layer.weight)))
        counts = kept[rows].t().reshape(-1, PATTERN.m).sum(dim=1)
        assert int(counts.max()) <= PATTERN.n


def test_more_tries_of_bi_mask_keep_no_less() -> None:
    def kept(tries: int) -> int:
        loop = Loop(BiMask(tries=tries)).run(1)
        return sum(
            int(x.backward.count_nonzero()) for x in loop.layers.values() if x.backward is not None
        )

    assert kept(1) <= kept(20) <= kept(200)


def test_outputs_that_do_not_divide_are_refused_before_training() -> None:
    model = nn.Sequential(nn.Linear(8, 6))
    with pytest.raises(UserError, match=r"the 6 of 0 do not divide into groups of 4"):
        Sparsifier(
            model,
            target=Target.parse("1:4(FF)"),
            recipe=Bdwp(),
            total_steps=1,
            mask_seed=0,
            groups={"FF": [".*"]},
        )


@pytest.mark.parametrize("recipe", [Bdwp(), Wanda()])
def test_a_convolution_is_refused_before_training(recipe: Recipe) -> None:
    with pytest.raises(UserError, match=r"is for linear layers: 0 is a Conv2d"):
        Sparsifier(
            nn.Sequential(nn.Conv2d(4, 4, 1)),
            target=Target.parse("1:4(CONV)"),
            recipe=recipe,
            total_steps=1,
            mask_seed=0,
        )


def test_blocks_that_no_layer_has_go_with_the_model() -> None:
    loop = Loop(Bdwp(dense=0.2), target="2:8(QK)").run(5)
    loop.sparsifier.refresh(5)
    module = loop.model.attn["qkv"]
    whole, masked = module.get_buffer("backward_weight"), module.weight.detach()
    assert torch.equal(whole[32:], masked[32:]), "V stays dense, and moves"
    for rows in (slice(0, 16), slice(16, 32)):
        master = loop.sparsifier.masters["attn.qkv.weight"][rows].detach()
        assert torch.equal(whole[rows], master * slow_mask(master.t(), NMPattern(2, 8)).t())


def alive_after(step: int, count: int, end: int) -> int:
    return 1 if step >= end else 1 + math.ceil((count - 1) * (1 - step / end) ** 3 - 1e-9)


def test_the_choices_of_lbc_fall_to_one_by_a_cubic() -> None:
    loop = Loop(Lbc(fine_tune=0.3), target="2:4(FF)")
    for step in range(10):
        loop.step(step)
        for layer in loop.layers.values():
            left = layer.memory["alive"].sum(dim=1)
            assert left.unique().tolist() == [alive_after(step, 6, 7)]


def test_a_score_of_lbc_has_the_gradient_of_its_weights() -> None:
    loop = Loop(Lbc(), target="2:4(FF)", optimizer=torch.optim.SGD)
    layer = loop.layers["mlp.fc1"]
    before = layer.scores.detach().clone()
    loop.step(0)
    seen = loop.seen["mlp.fc1"][0]
    products = (seen.gradient * seen.before).reshape(-1, 4)
    slopes = torch.stack(
        [products[:, list(choice)].sum(dim=1) for choice in combinations(range(4), 2)], dim=1
    )
    moved = (before - layer.scores.detach()) / 0.01
    torch.testing.assert_close(moved, slopes, rtol=1e-9, atol=1e-12)
    assert torch.equal(seen.effective, seen.before), "every weight is in a choice that is left"


@pytest.mark.parametrize("recipe", [Lbc(dense=0.5), MaskLlm(dense=0.5)])
def test_an_evaluation_while_dense_is_under_the_magnitude_mask(recipe: Recipe) -> None:
    loop = Loop(recipe).run(2)
    for layer in loop.layers.values():
        assert torch.equal(loop.sparsifier.target_mask(layer), slow_mask(layer.weight, PATTERN))


@pytest.mark.parametrize("recipe", [Lbc(), MaskLlm()])
def test_patterns_with_too_many_choices_are_refused(recipe: Recipe) -> None:
    with pytest.raises(UserError, match="8:16 has 12870 combinations"):
        Loop(recipe, target="8:16(FF)")


def test_maskllm_leaves_the_weights_alone_and_learns_masks() -> None:
    loop = Loop(MaskLlm(dense=0.4)).run()
    for name, seen in loop.seen.items():
        frozen = seen[4].before
        assert all(torch.equal(one.after, frozen) for one in seen[4:])
        assert not torch.equal(seen[3].before, frozen)
        assert torch.equal(seen[-1].effective, frozen * loop.layers[name].mask)


def test_a_sampled_mask_of_maskllm_keeps_n_in_all() -> None:
    loop = Loop(MaskLlm(dense=0.2, temperature=(1.0, 0.5), scale=(1.0, 2.0))).run(6)
    for seen in loop.seen.values():
        shares = (seen[5].effective / seen[5].before).reshape(-1, 4)
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(len(shares), dtype=torch.float64))
        assert_nm(seen[5].mask.double(), PATTERN)  # type: ignore[union-attr]


def test_the_prior_of_maskllm_is_the_magnitude_mask() -> None:
    loop = Loop(MaskLlm(dense=0.2, prior=1e4), target="2:4(FF)").run(3)
    for seen in loop.seen.values():
        assert torch.equal(seen[2].mask, slow_mask(seen[2].before, NMPattern(2, 4)))  # type: ignore[arg-type]
