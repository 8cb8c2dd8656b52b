"""Kernel launches over all layers that can share one."""

from collections import defaultdict
from collections.abc import Sequence

from pgf.recipes import NMPattern
from pgf.sparsity.finding import find_mask
from pgf.sparsity.kernels import MaskedLayers
from pgf.sparsity.sparse_layer import SparseLayer


def write(masked: Sequence[SparseLayer]) -> None:
    """Take the masks of the layers' phases and write the effective weights with them."""
    launches = defaultdict[tuple[object, NMPattern | None], list[SparseLayer]](list)
    for layer in masked:
        assert layer.phase is not None
        pattern = None if find_mask(layer) else layer.phase.pattern
        launches[layer.launch, pattern].append(layer)
    for (_, pattern), layers in launches.items():
        decays = [layer.phase.mask_decay for layer in layers if layer.phase is not None]
        effectives = [layer.effective for layer in layers]
        kernel = layers[0].kernel
        if pattern is None:
            kernel.write(_together(layers, decays), effectives)
        else:
            kernel.refresh(_together(layers, decays), effectives, pattern=pattern)


def restrict(masked: Sequence[SparseLayer]) -> None:
    """Turn the gradients at the layers' effective weights into the masters', in place."""
    launches = defaultdict[object, list[SparseLayer]](list)
    for layer in masked:
        launches[layer.launch].append(layer)
    for layers in launches.values():
        layers[0].kernel.restrict(
            _together(layers, [layer.gradient_decay for layer in layers]),
            [layer.gradient for layer in layers],
            lambdas=[layer.phase.srste_lambda for layer in layers if layer.phase is not None],
        )


def _together(layers: Sequence[SparseLayer], decays: Sequence[float]) -> MaskedLayers:
    masks = [layer.packed_mask for layer in layers if layer.packed_mask is not None]
    return MaskedLayers([layer.weight for layer in layers], masks, decays)
