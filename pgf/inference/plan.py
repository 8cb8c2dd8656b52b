"""The plan of a packed layer: its products, made once for the tensors that it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from pgf.inference.kernels.layout import Blocked
from pgf.inference.kernels.native import Product, serves
from pgf.inference.kernels.on_gpu import GpuProduct, serves_gpu


@dataclass(frozen=True)
class Plan:
    """The products of a layer's blocks of rows."""

    dtype: torch.dtype | None
    """Of inputs that it multiplies; None: no kernel here."""
    device: torch.device | None
    """Device of the inputs that it multiplies."""
    steps: tuple[tuple[int, Product | GpuProduct | Tensor], ...]
    """First row, and what multiplies by the rows from there on."""
    bias: Tensor | None
    """The layer's own."""
    made_of: tuple[tuple[str, int, torch.dtype], ...]
    """Name, address and dtype of each of the layer's buffers."""

    @classmethod
    def of(
        cls,
        parts: Sequence[Blocked | Tensor],
        bias: Tensor | None,
        buffers: Mapping[str, Tensor | None],
    ) -> "Plan":
        """Make the plan of a layer's blocks of rows.

        Args:
            parts: the blocks; a tensor where rows are dense.
            bias: of the layer.
            buffers: the layer's, which hold all of these.
        """
        made_of = tuple((k, t.data_ptr(), t.dtype) for k, t in buffers.items() if t is not None)
        first = parts[0].values if isinstance(parts[0], Blocked) else parts[0]
        on_gpu = serves_gpu(first.dtype, first.device)
        if not on_gpu and not serves(first.dtype, first.device):
            return cls(None, None, (), None, made_of)
        product = GpuProduct if on_gpu else Product
        steps: list[tuple[int, Product | GpuProduct | Tensor]] = []
        row = 0
        for part in parts:
            steps.append((row, product(part) if isinstance(part, Blocked) else part))
            row += part.rows if isinstance(part, Blocked) else len(part)
        return cls(first.dtype, first.device, tuple(steps), bias, made_of)

    def is_of(self, buffers: Mapping[str, Tensor | None]) -> bool:
        """Return whether a layer still has the tensors that the plan was made of."""
        for name, address, dtype in self.made_of:
            tensor = buffers.get(name)
            if tensor is None or tensor.data_ptr() != address or tensor.dtype is not dtype:
                return False
        return True

    def multiply(self, inputs: Tensor, out: Tensor) -> None:
        """Write the layer's outputs.

        Args:
            inputs: (tokens, width), contiguous, one token at least.
            out: (tokens, rows), contiguous.
        """
        tokens, rows = out.shape
        size, to = out.element_size(), out.data_ptr()
        wide_bias = None if self.bias is None else self.bias.float()  # anew: it may be written to
        bias = None if wide_bias is None else wide_bias.data_ptr()
        wide = inputs.float() if tokens == 1 else inputs
        for row, step in self.steps:
            own = None if bias is None else bias + 4 * row
            if isinstance(step, Tensor):
                end = row + len(step)
                some = None if self.bias is None else self.bias[row:end]
                out[:, row:end] = functional.linear(inputs, step, some)
            elif isinstance(step, GpuProduct):
                step.multiply(inputs, wide_bias, out, first_row=row)
            elif tokens == 1:
                step.one(wide.data_ptr(), own, to + size * row)
            else:
                step.many(inputs, own, to + size * row, stride=rows)
