"""The layer that stands in a model in place of a dense one whose weight is packed."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pgf.errors import UserError
from pgf.inference.kernels.layout import ROWS, Blocked, from_blocks, to_blocks
from pgf.inference.packed import PackedWeight
from pgf.inference.plan import Plan

log = logging.getLogger(__name__)
Part = PackedWeight | Tensor
"""Consecutive rows of one pattern; a tensor (rows, width) where they are dense."""


class PackedLinear(nn.Module):
    """A linear layer for inference whose weight is packed; on a CPU it is never unpacked.

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
        self._plan: Plan | None = None
        self.eval()

    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.requires_grad and torch.is_grad_enabled():
            raise UserError("packed layers have no gradients: run the model in torch.no_grad()")
        if inputs.shape[-1] != self.in_features:
            raise ValueError(
                f"inputs have {inputs.shape[-1]} features where the layer has {self.in_features}"
            )
        plan = self._plan
        if plan is None or not plan.is_of(self._buffers):
            plan = self._plan = self._prepare()
        if inputs.dtype is not plan.dtype or inputs.device != plan.device:
            return self._as_dense(inputs)
        shape = inputs.shape[:-1]
        flat = inputs if len(shape) == 1 else inputs.reshape(-1, self.in_features)
        out = flat.new_empty(flat.shape[0], self.out_features)
        if flat.shape[0]:
            plan.multiply(flat.contiguous(), out)
        return out if len(shape) == 1 else out.view(*shape, self.out_features)

    def _prepare(self) -> Plan:
        parts = [self._part(number) for number in range(len(self._rows))]
        return Plan.of(parts, self._buffers["bias"], self._buffers)

    def _as_dense(self, inputs: Tensor) -> Tensor:
        bias: Any = self.bias
        if inputs.dtype is not self.dtype:
            _say_other_dtype(inputs.dtype, self.dtype)
            bias = None if bias is None else bias.to(inputs.dtype)
        else:
            _say_dense(inputs.device.type, inputs.dtype)
        return functional.linear(inputs, self._dense().to(inputs.dtype), bias)

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

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_plan": None}  # it has addresses

    def extra_repr(self) -> str:
        patterns = ", ".join("dense" if p is None else str(p) for p in self._patterns)
        return f"in_features={self.in_features}, out_features={self.out_features}, {patterns}"

    def _set(self, number: int, part: Part) -> None:
        if isinstance(part, PackedWeight):
            blocked = to_blocks(part)
            # Flat: a change of the memory format would permute four axes.
            for name, tensor in (("values", blocked.values), ("indices", blocked.indices)):
                self.register_buffer(f"{name}_{number}", tensor.flatten(0, 2), persistent=False)
        else:
            self.register_buffer(f"values_{number}", part.detach().clone(), persistent=False)

    def _values(self, number: int) -> Tensor:
        return self.get_buffer(f"values_{number}")

    def _part(self, number: int) -> Blocked | Tensor:
        values, pattern = self._values(number), self._patterns[number]
        if pattern is None:
            return values
        indices, rows = self.get_buffer(f"indices_{number}"), self._rows[number]
        sizes = -(-rows // ROWS), self.in_features // pattern.m, pattern.n
        return Blocked(
            values.unflatten(0, sizes).contiguous(),
            indices.unflatten(0, sizes).contiguous(),
            pattern,
            rows,
        )

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
        like = self._values(0)
        blocks = weight.to(like.device, like.dtype).split(self._rows)
        try:
            parts = [
                rows if pattern is None else PackedWeight.of(rows, pattern)
                for rows, pattern in zip(blocks, self._patterns, strict=True)
            ]
        except UserError as error:
            errors.append(f"{prefix}weight: {error}")
            return
        for number, part in enumerate(parts):
            self._set(number, part)


@cache
def _say_dense(device: str, dtype: torch.dtype) -> None:
    log.warning("packed layers run as dense ones: no kernel for %s on %s here", dtype, device)


@cache
def _say_other_dtype(inputs: torch.dtype, weight: torch.dtype) -> None:
    log.warning("packed layers run as dense ones: inputs are %s, weights %s", inputs, weight)
