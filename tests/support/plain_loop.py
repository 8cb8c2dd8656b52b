"""A training loop that knows nothing of recipes, with `attach` before it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import pgf
from pgf.recipes import RECIPES, Distils, Recipe
from pgf.recipes.patterns import NMPattern
from pgf.sparsity.attached import Attached
from support.helpers import tiny_block
from support.stepping import BETAS, DECAY, EPSILON, RATE

TARGET, TOTAL = "1:4(FF)", 10
Optimizer = torch.optim.Optimizer


def advised(name: str) -> Recipe:
    return RECIPES[name](**RECIPES[name].preset("advised", NMPattern(1, 4)))


def works_attached(name: str) -> bool:
    kind = RECIPES[name]
    return kind.prunes and not issubclass(kind, Distils) and name not in ("snip", "small_dense")


ATTACHABLE = sorted(filter(works_attached, RECIPES))
PLAIN = ["sr_ste", "mdgf_linear", "sdgf_geometric", "random_mask"]


class Plain:
    """A loop of somebody else's on a tiny block."""

    def __init__(
        self,
        recipe: str = "mdgf_linear",
        *,
        optimizer: Callable[..., Optimizer] = torch.optim.AdamW,
        target: str = TARGET,
        **options: Any,
    ) -> None:
        self.model = tiny_block()
        settings = {"betas": BETAS, "eps": EPSILON} if "Adam" in optimizer.__name__ else {}
        own = {"lr": RATE, "weight_decay": DECAY, **settings, **options}
        self.optimizer = optimizer(self.model.parameters(), **own)
        self.batch = torch.randn(6, 16, dtype=torch.float64, generator=torch.manual_seed(8))
        self.sparse = self.attached(recipe, target)

    def attached(self, recipe: str, target: str) -> Attached:
        sparse = pgf.attach(
            self.model,
            self.optimizer,
            target=target,
            recipe=advised(recipe),
            total_steps=TOTAL,
            mask_seed=3,
            calibration=lambda: self.model(self.batch),
        )
        if sparse.sparsifier.scores:
            self.optimizer.param_groups[-1]["lr"] = RATE  # as `Loop` has it
        return sparse

    def loss(self) -> Tensor:
        return self.model(self.batch).square().sum()

    def run(self, steps: int = TOTAL) -> "Plain":
        for _ in range(steps):
            self.loss().backward()
            self.optimizer.step()
            self.optimizer.zero_grad()
        return self

    def masters(self) -> dict[str, Tensor]:
        return {n: own.detach().clone() for n, own in self.sparse.sparsifier.masters.items()}
