"""The layer that stands in a model in place of a dense one whose weight is packed."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgf.errors import UserError
from pgf.inference.kernels.layout import Blocked, from_blocks, to_blocks
from pgf.inference.kernels.native import multiply, serves
from pgf.inference.packed import PackedWeight

log = logging.getLogger(__name__)
Part = PackedWeight | Tensor
"""Consecutive rows of one pattern; a tensor (rows, width) where they are dense."""


class PackedLinear(nn.Module):
    """What `nn.Linear` computes, for inference: packed rows are never unpacked on a CPU.

    Its `state_dict()` has the dense `weight` and `bias` of the layer that it stands for, so that
    either loads into the other.

    Args:
        parts: blocks of rows, from the first on.
        bias: (rows,), or None.
        transposed: whether the layer that it stands for keeps its weight (in, out).
    """

    def __init__(
        self, parts: Sequence[Part], bias: Tensor | None, *, transposed: bool = False
    ) -> None:
        super().__init__()
        self.transposed = transposed
        self._patterns = [p.pattern if isinstance(p, PackedWeight) else None for p in parts]
        self._rows = [p.shape[0] for p in parts]
        self.in_features, self.out_features = int(parts[0].shape[1]), sum(self._rows)
        for number, part in enumerate(parts):
            self._set(number, part)
        self.register_buffer("bias", None if bias is None else bias.detach().clone())
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        if torch.is_grad_enabled() and inputs.requires_grad:
            raise UserError("packed layers have no gradients: run the model in torch.no_grad()")
        bias: Any = self.bias
        if not (serves(self.dtype, inputs.device) and inputs.dtype == self.dtype):
            _say_dense(inputs.device.type, str(inputs.dtype).removeprefix("torch."))
            return functional.linear(inputs, self._dense().to(inputs.dtype), bias)
        flat = inputs.reshape(-1, self.in_features).contiguous()
        out = flat.new_empty(len(flat), self.out_features)
        wide = None if bias is None else bias.float()
        row = 0
        for number, rows in enumerate(self._rows):
            part = self._part(number)
            if isinstance(part, Blocked):
                multiply(part, flat, wide, out, first_row=row)
            else:
                own = None if bias is None else bias[row : row + rows]
                out[:, row : row + rows] = functional.linear(flat, part, own)
            row += rows
        return out.view(*inputs.shape[:-1], self.out_features)

    @property
    def dtype(self) -> torch.dtype:
        return self._values(0).dtype

    @property
    def weight(self) -> Tensor:
        """The dense weight, in the layout of the layer that this one stands for; made anew."""
        dense = self._dense()
        return dense.t().contiguous() if self.transposed else dense

    @property
    def parts(self) -> list[Part]:
        """The blocks of rows that it was made of."""
        parts = (self._part(number) for number in range(len(self._rows)))
        return [from_blocks(p) if isinstance(p, Blocked) else p for p in parts]

    def extra_repr(self) -> str:
        patterns = ", ".join("dense" if p is None else str(p) for p in self._patterns)
        return f"in_features={self.in_features}, out_features={self.out_features}, {patterns}"

    def _set(self, number: int, part: Part) -> None:
        if isinstance(part, PackedWeight):
            blocked = to_blocks(part)
            self.register_buffer(f"values_{number}", blocked.values, persistent=False)
            self.register_buffer(f"indices_{number}", blocked.indices, persistent=False)
        else:
            self.register_buffer(f"values_{number}", part.detach().clone(), persistent=False)

    def _values(self, number: int) -> Tensor:
        return self.get_buffer(f"values_{number}")

    def _part(self, number: int) -> Blocked | Tensor:
        values, pattern = self._values(number), self._patterns[number]
        if pattern is None:
            return values
        indices = self.get_buffer(f"indices_{number}")
        return Blocked(values, indices, pattern, self._rows[number])

    def _dense(self) -> Tensor:
        parts = [p.dense() if isinstance(p, PackedWeight) else p for p in self.parts]
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        destination[prefix + "weight"] = self.weight
        super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: Any,
        strict: bool,
        missing: Any,
        unexpected: Any,
        errors: Any,
    ) -> None:
        weight = state_dict.get(prefix + "weight")
        if weight is None:
            missing.append(prefix + "weight")
        else:
            self._load_weight(weight.t() if self.transposed else weight, prefix, errors)
        rest = {key: value for key, value in state_dict.items() if key != prefix + "weight"}
        super()._load_from_state_dict(
            rest, prefix, local_metadata, strict, missing, unexpected, errors
        )

    @torch.no_grad()
    def _load_weight(self, weight: Tensor, prefix: str, errors: list[str]) -> None:
        if weight.shape != (self.out_features, self.in_features):
            errors.append(f"{prefix}weight is {tuple(weight.shape)}, unlike the packed layer")
            return
        try:
            for number, rows in enumerate(weight.split(self._rows)):
                pattern, like = self._patterns[number], self._values(number)
                rows = rows.to(like.device, like.dtype)
                if pattern is not None:
                    self._set(number, PackedWeight.of(rows, pattern))
                else:
                    self._set(number, rows)
        except UserError as error:
            errors.append(f"{prefix}weight: {error}")


@cache
def _say_dense(device: str, dtype: str) -> None:
    log.warning("packed layers run as dense ones: no kernel for %s on %s here", dtype, device)
