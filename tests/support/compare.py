"""Comparisons of trained weights, to the last bit."""

import torch
from torch import Tensor

from pgf.recipes.patterns import NMPattern
from pgf.training.run_state import Run


def weights(run: Run) -> dict[str, Tensor]:
    """Return all that was trained: dense parameters, masters and masks."""
    values = {name: p.detach().clone() for name, p in run.model.state_dict().items()}
    values |= {f"master {name}": p.detach().clone() for name, p in run.sparsifier.masters.items()}
    for layer in run.sparsifier.layers:
        values |= {f"{k} mask {layer.name}": mask for k, mask in layer.fixed.items()}
    return values


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    """Check that two sets of tensors are equal to the last bit."""
    assert list(one) == list(other)
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different, f"differ: {different}"


def assert_same_run(one: Run, other: Run) -> None:
    """Check that two runs trained the same weights and wrote the same curves."""
    assert_same(weights(one), weights(other))
    assert one.evaluations == other.evaluations
    assert one.all_rows() == other.all_rows()


def assert_nm(weight: Tensor, pattern: NMPattern) -> None:
    """Check that each group along the last axis has exactly N non-zeros, or name one that has not.

    Rows first: groups may not straddle them.
    """
    assert weight.shape[-1] % pattern.m == 0, f"rows of {weight.shape[-1]}, groups of {pattern.m}"
    counts = (weight != 0).reshape(-1, weight.shape[-1] // pattern.m, pattern.m).sum(dim=-1)
    bad = (counts != pattern.n).nonzero().tolist()
    if bad:
        row, group = bad[0]
        raise AssertionError(
            f"{len(bad)} of {counts.numel()} groups are not {pattern}; the first, row {row}, "
            f"group {group}, keeps {int(counts[row, group])}"
        )
