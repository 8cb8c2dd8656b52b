"""A recipe in a plain loop on a tiny model, in float64, with what each step saw and left."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pgf.recipes import Recipe, Target
from pgf.sparsity import SparseLayer, Sparsifier
from support.helpers import tiny_block

RATE, BETAS, EPSILON, DECAY = 0.01, (0.9, 0.98), 1e-8, 0.1


@dataclass
class Seen:
    """One layer in one step."""

    before: Tensor
    """The master before the step."""
    effective: Tensor
    """Weight that the model multiplied by."""
    gradient: Tensor
    """At the effective weight."""
    handed: Tensor
    """Gradient that the optimiser was given."""
    mask: Tensor | None
    after: Tensor
    """The master after the step."""


@dataclass
class Loop:
    """Trains a tiny block on a fixed random batch."""

    recipe: Recipe
    target: str = "1:4(FF)"
    total: int = 10
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.AdamW
    seen: dict[str, list[Seen]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.model = tiny_block()
        self.sparsifier = Sparsifier(
            self.model,
            target=Target.parse(self.target),
            recipe=self.recipe,
            total_steps=self.total,
            mask_seed=3,
        )
        owned = [self.sparsifier.optimizer_parameter(*p) for p in self.model.named_parameters()]
        groups = [{"params": owned}]
        if self.sparsifier.scores:
            groups.append({"params": list(self.sparsifier.scores.values()), "weight_decay": 0.0})
        options = {"betas": BETAS, "eps": EPSILON} if "Adam" in self.optimizer.__name__ else {}
        self.chosen = self.optimizer(groups, lr=RATE, weight_decay=DECAY, **options)
        self.sparsifier.bind(self.chosen)
        self.batch = torch.randn(6, 16, dtype=torch.float64, generator=torch.manual_seed(8))

    @property
    def layers(self) -> dict[str, SparseLayer]:
        """The sparse layers by name."""
        return {layer.name: layer for layer in self.sparsifier.layers}

    def forward(self) -> None:
        """Run the model on the batch, without a gradient."""
        with torch.no_grad():
            self.model(self.batch)

    def run(self, steps: int | None = None) -> "Loop":
        """Train for some of the steps, all by default; return itself."""
        first = len(next(iter(self.seen.values()), []))
        for step in range(first, self.total if steps is None else first + steps):
            self.step(step)
        return self

    def step(self, step: int) -> None:
        """Do one step, and note what every layer saw."""
        self.sparsifier.calibrate(step, self.forward)
        self.sparsifier.refresh(step)
        self.model(self.batch).square().sum().backward()
        self.sparsifier.take_gradients()
        noted = {}
        for name, layer in self.layers.items():
            mask = None if layer.mask is None else layer.mask.clone()
            parts = (layer.weight, layer.effective, layer.gradient)
            noted[name] = [*(part.clone() for part in parts), mask]
        self.sparsifier.apply_gradient_rule()
        handed = {name: layer.gradient.clone() for name, layer in self.layers.items()}
        self.chosen.step()
        self.chosen.zero_grad()
        for name, layer in self.layers.items():
            before, effective, gradient, mask = noted[name]
            after = layer.weight.clone()
            note = Seen(before, effective, gradient, handed[name], mask, after)
            self.seen.setdefault(name, []).append(note)
