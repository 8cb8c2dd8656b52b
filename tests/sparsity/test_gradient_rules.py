"""The gradient that reaches the master, against torch's own differentiation of the formula."""

import pytest
import torch
from support.compare import assert_same
from support.helpers import SPARSE_RECIPES, tiny_block
from test_sparsifier import Constant, gradient, sparsified
from torch import Tensor
from torch.func import functional_call

from pgf.recipes import RECIPES, GradientRule, Recipe
from pgf.recipes.patterns import NMPattern
from pgf.sparsity.sparsifier import Sparsifier

DECAY, LAMBDA = 0.3, 0.07
STE, CHAIN = GradientRule.STRAIGHT_THROUGH, GradientRule.CHAIN_RULE


def batch(seed: int = 11) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, 16, generator=generator, dtype=torch.float64)


def loss_of(output: Tensor) -> Tensor:
    return output.square().sum() + output.sin().sum()


def ours(
    recipe: Recipe, *, scale: float = 1.0, micro_batches: int = 1, target: str = "1:4(FF)+2:8(QK)"
) -> dict[str, Tensor]:
    """Return the masters' gradients of a step, as the training loop takes them."""
    sparsifier = sparsified(recipe, target)
    sparsifier.refresh(0)
    for part in batch().chunk(micro_batches):
        (scale * loss_of(sparsifier.model(part))).backward()
    sparsifier.take_gradients()
    for master in sparsifier.masters.values():
        assert master.grad is not None
        master.grad /= scale
    sparsifier.apply_gradient_rule()
    return {name: m.grad for name, m in sparsifier.masters.items() if m.grad is not None}


def full_masks(sparsifier: Sparsifier) -> dict[str, Tensor]:
    """Return a mask for each whole weight, ones where nothing is pruned."""
    full = {name: torch.ones_like(master) for name, master in sparsifier.masters.items()}
    for layer in sparsifier.layers:
        assert layer.mask is not None
        rows = slice(layer.block.first_row, layer.block.end_row)
        full[f"{layer.block.module_name}.weight"][rows] = layer.mask.double()
    return full


def theirs(recipe: Constant) -> dict[str, Tensor]:
    """Return the gradients by automatic differentiation with respect to the dense weights."""
    sparsifier = sparsified(recipe, "1:4(FF)+2:8(QK)")
    sparsifier.refresh(0)
    model, masks = tiny_block(), full_masks(sparsifier)
    dense = {name: model.get_parameter(name) for name in sparsifier.masters}
    effective, penalty = {}, torch.zeros((), dtype=torch.float64)
    for name, w in dense.items():
        scaled = w * (masks[name] + recipe.mask_decay * (1 - masks[name]))
        straight = scaled.detach() + w - w.detach()
        effective[name] = scaled if recipe.gradient is CHAIN else straight
        penalty = penalty + ((1 - masks[name]) * w).square().sum() / 2
    loss = loss_of(functional_call(model, effective, (batch(),)))
    loss = loss + recipe.srste_lambda * penalty
    return dict(zip(dense, torch.autograd.grad(loss, list(dense.values())), strict=True))


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor], rtol: float = 1e-11) -> None:
    assert list(one) == list(other)
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=rtol, atol=1e-12)


@pytest.mark.parametrize(
    "recipe",
    [
        Constant(mask_decay=DECAY, gradient=STE),
        Constant(mask_decay=0.0, gradient=STE),
        Constant(mask_decay=DECAY, gradient=CHAIN),
        Constant(mask_decay=0.0, gradient=CHAIN),
        Constant(mask_decay=0.0, gradient=STE, srste_lambda=LAMBDA),
        Constant(mask_decay=DECAY, gradient=CHAIN, srste_lambda=LAMBDA),
    ],
    ids=str,
)
def test_the_gradient_is_that_of_the_formula(recipe: Constant) -> None:
    assert_close(ours(recipe), theirs(recipe))


@pytest.mark.parametrize("rule", GradientRule)
def test_the_sr_ste_term_does_not_depend_on_the_loss_scale(rule: GradientRule) -> None:
    recipe = Constant(mask_decay=DECAY, gradient=rule, srste_lambda=LAMBDA)
    assert_close(ours(recipe, scale=65536.0), ours(recipe))


@pytest.mark.parametrize("parts", [2, 3, 6])
def test_the_sr_ste_term_does_not_depend_on_the_micro_batches(parts: int) -> None:
    recipe = Constant(mask_decay=DECAY, srste_lambda=LAMBDA)
    assert_close(ours(recipe, micro_batches=parts), ours(recipe))


def test_the_sr_ste_term_acts_on_pruned_weights_alone() -> None:
    plain, more = ours(Constant()), ours(Constant(srste_lambda=LAMBDA))
    sparsifier = sparsified(Constant(), "1:4(FF)+2:8(QK)")
    sparsifier.refresh(0)
    kept = {name: mask.bool() for name, mask in full_masks(sparsifier).items()}
    assert_same(
        {name: plain[name][kept[name]] for name in plain},
        {name: more[name][kept[name]] for name in more},
    )
    assert all(not torch.equal(plain[name], more[name]) for name in plain)


def test_sr_ste_without_its_term_is_ste_bitwise() -> None:
    assert_same(ours(RECIPES["sr_ste"](lambda_w=0.0)), ours(RECIPES["ste"]()))


@pytest.mark.parametrize("rule", GradientRule)
def test_a_mask_decay_of_one_gives_the_gradient_of_the_dense_model_bitwise(
    rule: GradientRule,
) -> None:
    model = tiny_block()
    loss_of(model(batch())).backward()
    found = ours(Constant(mask_decay=1.0, gradient=rule))
    assert_same(found, {name: gradient(model, name) for name in found})


def test_pruned_weights_of_a_fixed_mask_get_no_gradient() -> None:
    sparsifier = sparsified(RECIPES["random_mask"](), "1:4(FF)+2:8(QK)")
    sparsifier.refresh(0)
    pruned = {name: ~mask.bool() for name, mask in full_masks(sparsifier).items()}
    found = ours(RECIPES["random_mask"]())
    assert all(not found[name][pruned[name]].any() for name in found)


def steps_of(recipe: Recipe | None, target: str, *, count: int = 6) -> dict[str, Tensor]:
    """Return a model's weights after some steps of AdamW, dense training being `None`."""
    sparsifier = sparsified(recipe or RECIPES["dense"](), target, total=count)
    model = sparsifier.model
    owned = [sparsifier.optimizer_parameter(n, p) for n, p in model.named_parameters()]
    optimizer = torch.optim.AdamW(owned, lr=0.01, weight_decay=0.1)
    for step in range(count):
        sparsifier.refresh(step)
        loss_of(model(batch(step))).backward()
        sparsifier.take_gradients()
        sparsifier.apply_gradient_rule()
        optimizer.step()
        optimizer.zero_grad()
    sparsifier.refresh(count - 1)
    return {name: p.detach() for name, p in model.named_parameters()}


@pytest.mark.parametrize("recipe", SPARSE_RECIPES)
def test_a_target_that_keeps_all_is_dense_training_bitwise(recipe: str) -> None:
    pattern = NMPattern(4, 4)
    settings = RECIPES[recipe].preset("advised", pattern)
    # Stages tighten towards N = M, from which nothing is left to tighten.
    found = steps_of(RECIPES[recipe](**settings), "4:4(FF)+4:4(QKV)")
    assert_same(found, steps_of(None, "dense"))


@pytest.mark.parametrize("recipe", SPARSE_RECIPES)
def test_biases_are_trained(recipe: str) -> None:
    settings = RECIPES[recipe].preset("advised", NMPattern(1, 4))
    found, start = steps_of(RECIPES[recipe](**settings), "1:4(FF)+2:8(QKV)"), tiny_block()
    biases = [name for name in found if name.endswith("bias")]
    assert len(biases) == 4
    assert all(bool((found[n] != start.get_parameter(n)).all()) for n in biases)


def test_weight_decay_acts_on_the_dense_master() -> None:
    sparsifier = sparsified(Constant())
    optimizer = torch.optim.AdamW(sparsifier.masters.values(), lr=0.1, weight_decay=0.2)
    sparsifier.refresh(0)
    (0.0 * sparsifier.model(batch())).sum().backward()
    sparsifier.take_gradients()
    before = {name: master.detach().clone() for name, master in sparsifier.masters.items()}
    optimizer.step()
    for name, master in sparsifier.masters.items():
        torch.testing.assert_close(master.detach(), before[name] * 0.98, rtol=1e-14, atol=0)
