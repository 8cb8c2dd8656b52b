"""The effective weight and the masks: what a recipe does to a model, in float64."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from support.compare import assert_nm, assert_same
from support.helpers import SPARSE_RECIPES, tiny_block
from support.masks import slow_mask
from torch import Tensor, nn

from pgf.recipes import RECIPES, Clock, GradientRule, MaskSource, Phase, Recipe
from pgf.recipes.patterns import NMPattern, Target
from pgf.sparsity.sparse_layer import SparseLayer
from pgf.sparsity.sparsifier import Sparsifier

MIXED = "1:4(FF)+2:8(Q)+3:8(K)"
sparse_recipe = pytest.mark.parametrize("recipe", SPARSE_RECIPES)


@dataclass(frozen=True, kw_only=True)
class Constant(Recipe):
    """One sparse phase with the values given, up to the last step."""

    mask_decay: float = 0.0
    srste_lambda: float = 0.0
    source: MaskSource = MaskSource.MAGNITUDE

    def sparse(self, clock: Clock, *, pattern: NMPattern, width: int | None) -> Phase:
        return Phase(
            name="sparse",
            pattern=pattern,
            mask_decay=self.mask_decay,
            gradient_rule=self.gradient,
            srste_lambda=self.srste_lambda,
            mask_source=self.source,
        )


def sparsified(
    recipe: Recipe, target: str = MIXED, *, total: int = 20, seed: int = 1
) -> Sparsifier:
    model = tiny_block()
    sparsifier = Sparsifier(
        model, target=Target.parse(target), recipe=recipe, total_steps=total, mask_seed=seed
    )
    for layer in sparsifier.awaiting(MaskSource.SALIENCY, total - 1):
        # There is no batch here; which weights it would choose does not matter.
        layer.fixed[MaskSource.SALIENCY.value] = layer.fixed[MaskSource.RANDOM.value].flip(0)
    return sparsifier


def advised(name: str) -> Recipe:
    return RECIPES[name](**RECIPES[name].preset("advised", NMPattern(1, 4)))


def effective(layer: SparseLayer) -> Tensor:
    return layer.block.view(layer.block.module.get_parameter("weight").detach())


def masks(sparsifier: Sparsifier) -> dict[str, Tensor]:
    return {layer.name: layer.mask.clone() for layer in sparsifier.layers if layer.mask is not None}


def move_masters(sparsifier: Sparsifier, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for master in sparsifier.masters.values():
            master.copy_(torch.randn(master.shape, generator=generator, dtype=torch.float64))


def test_the_effective_weight_is_that_of_the_formula() -> None:
    sparsifier = sparsified(Constant(mask_decay=0.3))
    sparsifier.refresh(0)
    for layer in sparsifier.layers:
        w, m = layer.weight, slow_mask(layer.weight, layer.pattern).double()
        torch.testing.assert_close(effective(layer), w * (m + 0.3 * (1 - m)), rtol=1e-15, atol=0)


def test_the_masters_are_the_weights_the_model_had() -> None:
    sparsifier, model = sparsified(advised("ste")), tiny_block()
    for name, master in sparsifier.masters.items():
        assert torch.equal(master, model.get_parameter(name))


def test_the_feed_forward_layers_do_not_take_the_pattern_of_the_attention() -> None:
    # The authors' code trains both at the attention's pattern.
    sparsifier = sparsified(Constant())
    sparsifier.refresh(0)
    found = {layer.name: layer for layer in sparsifier.layers}
    assert_nm(effective(found["mlp.fc1"]), NMPattern(1, 4))
    assert_nm(effective(found["mlp.fc2"]), NMPattern(1, 4))


def test_each_third_of_a_fused_weight_has_its_own_pattern() -> None:
    sparsifier = sparsified(Constant())
    sparsifier.refresh(0)
    q, k, v = sparsifier.model.get_parameter("attn.qkv.weight").detach().chunk(3)
    assert_nm(q, NMPattern(2, 8))
    assert_nm(k, NMPattern(3, 8))
    assert torch.equal(v, tiny_block().get_parameter("attn.qkv.weight").chunk(3)[2])


def test_the_masters_of_a_third_without_a_pattern_are_trained_all_the_same() -> None:
    sparsifier = sparsified(Constant())
    move_masters(sparsifier, 8)
    sparsifier.refresh(0)
    v = sparsifier.model.get_parameter("attn.qkv.weight")[32:]
    assert torch.equal(v, sparsifier.masters["attn.qkv.weight"][32:])


def test_only_weights_are_replaced_for_the_optimiser() -> None:
    sparsifier = sparsified(Constant())
    replaced = {
        name
        for name, p in sparsifier.model.named_parameters()
        if sparsifier.optimizer_parameter(name, p) is not p
    }
    assert replaced == {"attn.qkv.weight", "mlp.fc1.weight", "mlp.fc2.weight"}


@sparse_recipe
def test_the_dense_phase_leaves_the_weights_bitwise(recipe: str) -> None:
    sparsifier = sparsified(RECIPES[recipe](dense=0.5))
    sparsifier.refresh(3)
    assert_same(sparsifier.model.state_dict(), tiny_block().state_dict())


def test_a_mask_decay_of_one_leaves_the_weights_bitwise() -> None:
    sparsifier = sparsified(Constant(mask_decay=1.0))
    sparsifier.refresh(0)
    assert masks(sparsifier)
    assert_same(sparsifier.model.state_dict(), tiny_block().state_dict())


def test_the_dense_recipe_has_no_masters() -> None:
    sparsifier = sparsified(advised("dense"))
    assert not sparsifier.masters and not sparsifier.layers


@sparse_recipe
def test_the_model_is_exactly_nm_at_the_strict_target(recipe: str) -> None:
    sparsifier = sparsified(advised(recipe))
    for step in range(0, 20, 3):
        sparsifier.refresh(step)
        with sparsifier.strict():
            for layer in sparsifier.layers:
                assert_nm(effective(layer), layer.pattern)
                kept = effective(layer) != 0
                assert torch.equal(effective(layer)[kept], layer.weight[kept])


@sparse_recipe
@pytest.mark.parametrize("name", ["strict", "dense"])
def test_the_weights_are_restored_after_evaluation(recipe: str, name: str) -> None:
    sparsifier = sparsified(advised(recipe))
    sparsifier.refresh(7)
    before = {k: v.clone() for k, v in sparsifier.model.state_dict().items()}
    with pytest.raises(KeyError), getattr(sparsifier, name)():
        raise KeyError
    assert_same(before, sparsifier.model.state_dict())


def test_the_dense_context_holds_the_masters() -> None:
    sparsifier = sparsified(Constant())
    sparsifier.refresh(0)
    with sparsifier.dense():
        assert_same(sparsifier.model.state_dict(), tiny_block().state_dict())


@sparse_recipe
def test_zeros_are_counted_by_layer(recipe: str) -> None:
    counts = sparsified(advised(recipe)).zeros()
    assert counts == {
        "attn.qkv[Q]": (192, 256),
        "attn.qkv[K]": (160, 256),
        "mlp.fc1": (384, 512),
        "mlp.fc2": (384, 512),
    }


def test_a_magnitude_mask_follows_the_masters() -> None:
    sparsifier = sparsified(advised("ste"))
    move_masters(sparsifier, 4)
    sparsifier.refresh(19)
    expected = {x.name: slow_mask(x.weight, x.pattern) for x in sparsifier.layers}
    assert_same(masks(sparsifier), expected)


@pytest.mark.parametrize("step", [5, 10, 15])
def test_a_stage_of_idp_starts_with_a_part_of_what_the_stage_before_it_kept(step: int) -> None:
    sparsifier = sparsified(RECIPES["idp"](), "1:16(FF)", total=21)
    move_masters(sparsifier, step)
    sparsifier.refresh(step - 1)
    before = masks(sparsifier)
    sparsifier.refresh(step)
    for name, mask in masks(sparsifier).items():
        assert not (mask & ~before[name]).any() and 2 * mask.sum() == before[name].sum()


@sparse_recipe
def test_masters_and_fixed_masks_survive_a_round_trip(recipe: str) -> None:
    one, other = sparsified(advised(recipe), seed=1), sparsified(advised(recipe), seed=2)
    move_masters(one, 7)
    one.refresh(12)
    state: dict[str, Any] = one.state_dict()
    other.load_state_dict(state)
    for sparsifier in (one, other):
        sparsifier.refresh(19)
    assert_same(one.model.state_dict(), other.model.state_dict())
    assert_same(masks(one), masks(other))


@pytest.mark.parametrize("rule", GradientRule)
def test_biases_and_other_weights_keep_their_gradients(rule: GradientRule) -> None:
    sparsifier = sparsified(Constant(mask_decay=0.2, gradient=rule, srste_lambda=0.4))
    sparsifier.refresh(0)
    sparsifier.model(torch.randn(3, 16, dtype=torch.float64)).square().sum().backward()
    rest = [n for n, _ in sparsifier.model.named_parameters() if n not in sparsifier.masters]
    before = {n: gradient(sparsifier.model, n).clone() for n in rest}
    sparsifier.take_gradients()
    sparsifier.apply_gradient_rule()
    assert_same(before, {n: gradient(sparsifier.model, n) for n in rest})
    assert all(bool(before[n].any()) for n in rest)


def gradient(model: nn.Module, name: str) -> Tensor:
    found = model.get_parameter(name).grad
    assert found is not None
    return found
