"""Trainings by `attach` in two processes of torchrun: each saves its masters and weights."""

import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

import pgf

STEPS, RATE = 6, 0.05
RECIPES = ("sr_ste", "mdgf_linear", "random_mask")
WAYS = ("attach_last", "attach_first", "shards")


class Block(nn.Module):
    """A fused attention weight of six rows a role, and an MLP whose rows two do not divide."""

    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.ModuleDict({"qkv": nn.Linear(8, 18), "proj": nn.Linear(6, 8)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(8, 5)})
        self.head = nn.Linear(5, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attn["qkv"](x).chunk(3, dim=-1)
        x = x + self.attn["proj"](q * k + v)
        out: Tensor = self.head(torch.tanh(self.mlp["fc1"](x)))
        return out


def block(seed: int) -> Block:
    """Return a block of a seed, in float64."""
    torch.manual_seed(seed)
    return Block().double()


def batch() -> Tensor:
    """Return the samples of all processes."""
    return torch.randn(8, 8, dtype=torch.float64, generator=torch.manual_seed(1))


def train(recipe: str, way: str, rank: int, size: int) -> dict[str, Tensor]:
    """Train a block in one of the ways; return its whole masters and finished weights."""
    model = block(seed=rank if way == "attach_first" else 0)
    wrapped: Any = model
    if way == "shards":
        fully_shard(model.mlp["fc1"])
        fully_shard(model)
    if way == "attach_last" and size > 1:
        wrapped = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(wrapped.parameters(), lr=RATE)
    sparse = pgf.attach(
        wrapped,
        optimizer,
        target="1:4(QKV)+2:8(FF)",
        recipe=pgf.find_recipe(recipe)(dense=0.0, fine_tune=0.3),
        total_steps=STEPS,
    )
    if way == "attach_first" and size > 1:
        wrapped = DistributedDataParallel(model)
    share = batch()[rank * 8 // size : (rank + 1) * 8 // size]
    for _ in range(STEPS):
        wrapped(share).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        with torch.no_grad(), sparse.strict():  # an evaluation on the way, which changes nothing
            strict = wrapped(share)
            assert not torch.equal(strict, wrapped(share + 1))
    masters = {f"master {n}": m.detach() for n, m in sparse.sparsifier.masters.items()}
    sparse.finish()
    return {**masters, **{n: _whole(own) for n, own in model.state_dict().items()}}


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor.clone()


if __name__ == "__main__":
    dist.init_process_group("gloo")
    folder, here = Path(sys.argv[1]), dist.get_rank()
    for way in WAYS:
        for recipe in RECIPES:
            trained = train(recipe, way, here, dist.get_world_size())
            torch.save(trained, folder / f"{way}.{recipe}.{here}.pt")
    dist.destroy_process_group()
