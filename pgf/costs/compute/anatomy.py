"""Operations and parameters of a model by the role of its layers.

They are counted on a model that is built without memory; no run and no data are needed.

The paper counts a ViT without class token, patch embedding, norms and head, and prints no row for
sparse attention (arXiv 2402.04744, appendix D). That count stands beside the whole one.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from pgf.sparsity import PrunableWeight, find_layers
from pgf.tasks import Task
from pgf.training import ModelFlops, count_flops

ATTENTION = ("Q", "K", "V", "O")
LOGITS, ATTEND = "Logit", "Attend"


@dataclass(frozen=True)
class Anatomy:
    """A model's operations and parameters by the role of its layers."""

    model: nn.Module
    flops: ModelFlops
    layers: list[PrunableWeight]
    """All layers with a role, pruned or not."""

    @classmethod
    def of(cls, task: Task) -> "Anatomy":
        """Build a task's model without memory, and count."""
        with torch.device("meta"):
            model = task.model()
        return cls(model, count_flops(task, model), find_layers(model, task.groups or None))

    def forward(self, roles: Iterable[str]) -> float:
        """Return the forward operations of one sample in all layers of some roles."""
        chosen = set(roles)
        return sum(self.flops.of(layer) for layer in self.layers if layer.role in chosen)

    def weights(self, roles: Iterable[str]) -> int:
        """Return the weights of all layers of some roles; biases are not in it."""
        chosen = set(roles)
        return sum(
            layer.view(layer.weight.detach()).numel()
            for layer in self.layers
            if layer.role in chosen
        )

    @property
    def attention(self) -> float:
        """Forward operations of a sample in logits and attend."""
        return float(self.flops.attention)

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.model.parameters())

    def self_attention(self) -> float:
        """Return the operations of attention as the paper sums them: Q, K, V, O, logits, attend."""
        return self.forward(ATTENTION) + self.attention
