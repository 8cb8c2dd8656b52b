"""The bytes of a packed model, beside those of the dense one and the least possible."""

from collections.abc import Iterable
from dataclasses import dataclass

from pgf.inference.linear import Part
from pgf.inference.packed import PackedWeight


@dataclass(frozen=True)
class LayerSize:
    """Bytes of one weight."""

    name: str
    patterns: str
    """Of its blocks of rows."""
    dense: int
    packed: int


@dataclass(frozen=True)
class Sizes:
    """Bytes of a model's weights."""

    layers: tuple[LayerSize, ...]
    """Those that are packed."""
    others: int
    """Bytes of all other tensors."""

    @property
    def dense(self) -> int:
        return self.others + sum(layer.dense for layer in self.layers)

    @property
    def packed(self) -> int:
        return self.others + sum(layer.packed for layer in self.layers)

    def __str__(self) -> str:
        lines = [
            f"{layer.name}  {layer.patterns}  {_mb(layer.dense)} -> {_mb(layer.packed)}, "
            f"{layer.dense / layer.packed:.1f} times less"
            for layer in self.layers
        ]
        total = f"{_mb(self.dense)} -> {_mb(self.packed)} in all"
        return "\n".join([*lines, f"{total}, {_mb(self.others)} of it not N:M"])


def sizes_of(weights: Iterable[tuple[str, list[Part]]], *, others: int) -> Sizes:
    """Return the bytes of packed weights, by their parts, and of everything else."""
    return Sizes(tuple(_size(name, parts) for name, parts in weights), others)


def _size(name: str, parts: list[Part]) -> LayerSize:
    patterns = dict.fromkeys(
        str(part.pattern) if isinstance(part, PackedWeight) else "dense" for part in parts
    )
    dense = 0
    for part in parts:
        values = part.values if isinstance(part, PackedWeight) else part
        dense += int(part.shape[0]) * int(part.shape[1]) * values.element_size()
    return LayerSize(name, ", ".join(patterns), dense, sum(int(part.nbytes) for part in parts))


def _mb(count: int) -> str:
    return f"{count / 1e6:.3g} MB"
