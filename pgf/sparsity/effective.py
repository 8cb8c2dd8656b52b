"""Writing effective weights into a model, past autograd and autocast's cache."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.autograd.graph import increment_version

from pgf.sparsity.shards import local

Parameters = Mapping[str, nn.Parameter]


@torch.no_grad()
def copy(values: Mapping[str, Tensor], parameters: Parameters) -> None:
    """Copy values into parameters of the same names: of each the part that this process holds."""
    for name, value in values.items():
        local(parameters[name].detach()).copy_(local(value.detach()))


@contextmanager
def restored(parameters: Parameters) -> Iterator[None]:
    """Let parameters be written to; then give them their values back."""
    saved = {name: local(own.detach()).clone() for name, own in parameters.items()}
    try:
        yield
    finally:
        copy(saved, parameters)
        tell(parameters)


def tell(parameters: Parameters) -> None:
    """Tell torch that parameters have new values: kernels write past it.

    A backward pass that needs the old values is an error then, and autocast casts anew.
    """
    increment_version([local(own.detach()) for own in parameters.values()])
    torch.clear_autocast_cache()
