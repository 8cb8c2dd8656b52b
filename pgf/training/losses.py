"""Losses that stay on the device until somebody reads them."""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Losses:
    """The losses of the last steps, not yet read.

    Reading waits for the device, so that on a GPU many are read at once: a loss that is not finite
    is then seen some steps later, and counts for the step that it is of.
    """

    every: int = 1
    """Steps between two reads."""
    unread: list[tuple[int, Tensor]] = field(default_factory=list)
    """Each step and its loss."""

    @property
    def are_due(self) -> bool:
        """True if `every` losses are unread."""
        return len(self.unread) >= self.every

    def add(self, step: int, loss: Tensor) -> None:
        """Keep the loss of a step."""
        self.unread.append((step, loss.detach()))

    def first_not_finite(self) -> int | None:
        """Read all, and return the first step whose loss is not finite."""
        steps, losses = [step for step, _ in self.unread], [loss for _, loss in self.unread]
        self.unread.clear()
        if not losses:
            return None
        finite = torch.stack(losses).isfinite().tolist()
        return next((step for step, good in zip(steps, finite, strict=True) if not good), None)
