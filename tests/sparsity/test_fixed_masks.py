"""Masks that do not follow the weights."""

import pytest
import torch
from support.compare import assert_same
from support.masks import slow_mask
from test_sparsifier import advised, masks, move_masters, sparsified
from torch import Tensor

from pgf.recipes import RECIPES


def test_the_mask_of_one_shot_is_that_of_its_first_pruned_step_for_good() -> None:
    sparsifier = sparsified(RECIPES["one_shot"](dense=0.5, fine_tune=0.5))
    move_masters(sparsifier, 4)
    sparsifier.refresh(10)
    expected = {x.name: slow_mask(x.weight, x.pattern) for x in sparsifier.layers}
    move_masters(sparsifier, 5)
    sparsifier.refresh(15)
    assert_same(masks(sparsifier), expected)


@pytest.mark.parametrize("recipe", ["one_shot", "random_mask", "snip"])
def test_evaluation_takes_the_mask_that_does_not_move(recipe: str) -> None:
    sparsifier = sparsified(RECIPES[recipe](dense=0.5, fine_tune=0.5))
    sparsifier.refresh(10)
    move_masters(sparsifier, 6)
    expected = {layer.name: sparsifier.target_mask(layer) for layer in sparsifier.layers}
    assert_same(masks(sparsifier), expected)


def random_masks(seed: int, *, step: int = 0, move: int = 0) -> dict[str, Tensor]:
    sparsifier = sparsified(RECIPES["random_mask"](), seed=seed)
    if move:
        sparsifier.refresh(0)
        move_masters(sparsifier, move)
    sparsifier.refresh(step)
    return masks(sparsifier)


def test_a_random_mask_is_the_same_for_the_same_seed_and_never_moves() -> None:
    assert_same(random_masks(3), random_masks(3, step=17, move=9))


def test_a_random_mask_differs_by_seed() -> None:
    one, other = random_masks(3), random_masks(4)
    assert all(not torch.equal(one[name], other[name]) for name in one)


def test_a_random_mask_does_not_choose_by_magnitude_or_place() -> None:
    mask = random_masks(3)["mlp.fc1"].double()
    weight = sparsified(advised("ste")).masters["mlp.fc1.weight"].detach().abs()
    assert float(weight[mask.bool()].mean()) == pytest.approx(float(weight.mean()), rel=0.15)
    assert mask.view(-1, 4).mean(dim=0).tolist() == pytest.approx([0.25] * 4, abs=0.1)
