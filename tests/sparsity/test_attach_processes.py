"""`attach` in two processes: replicas stay equal, shards train what whole weights train."""

from pathlib import Path

import pytest
import torch
from support.attached_processes import RECIPES, WAYS, train
from support.compare import assert_nm, assert_same
from support.torchrun import in_processes
from torch import Tensor

from pgf.recipes.patterns import NMPattern

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attached")
    in_processes("attached_processes.py", folder)
    return folder


def load(folder: Path, way: str, recipe: str, rank: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = torch.load(folder / f"{way}.{recipe}.{rank}.pt", weights_only=True)
    return found


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("way", ["attach_last", "attach_first"])
def test_replicas_have_bitwise_the_same_masters(way: str, recipe: str, folder: Path) -> None:
    # In attach_first each process begins with other weights, and DDP comes after attach.
    assert_same(load(folder, way, recipe, 0), load(folder, way, recipe, 1))


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("way", WAYS)
def test_two_processes_train_what_one_trains(way: str, recipe: str, folder: Path) -> None:
    alone = train(recipe, "attach_last", rank=0, size=1)
    both = load(folder, way, recipe, 0)
    for name, value in alone.items():
        if not (way == "shards" and name.startswith("master")):
            torch.testing.assert_close(both[name], value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("recipe", RECIPES)
def test_shards_are_strictly_nm(recipe: str, folder: Path) -> None:
    assert_nm(load(folder, "shards", recipe, 1)["attn.qkv.weight"], NMPattern(1, 4))
