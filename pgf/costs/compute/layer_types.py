"""Operations and weights by type of layer: the paper's Tables 1 and 17."""

from collections.abc import Iterator

import pandas as pd

from pgf.analysis import Block, Section, row, unit_of
from pgf.costs.compute.anatomy import ATTENTION, Anatomy
from pgf.costs.compute.printed import printed_cell
from pgf.tasks import Task

EINSUM = "Einsum (Logit & Attend)"
TYPES = {
    "Projections (Q/K/V/O)": ATTENTION,
    "Feed Forward (FF1/FF2)": ("FF",),
    "Convolutions": ("CONV",),
}
REST, TOTAL = "Everything else", "Total"
PAPER_HEADER = ("paper: GFLOPs", "%", "M weights", "%")
METRICS = ("gflops", "gflops_percent", "mparams", "mparams_percent")

LayerType = tuple[str, float, float]
"""Type of layer, forward operations of a sample, parameters."""


def layer_types(name: str, task: Task, numbers: pd.DataFrame) -> tuple[Section, pd.DataFrame]:
    """Return a task's section and its numbers in long form.

    Args:
        name: the task's name.
        task: the task.
        numbers: the paper's numbers of this model, may be empty.
    """
    bare, whole = Anatomy.of(task.as_the_paper_counts()), Anatomy.of(task)
    counted = {"paper": list(_types(bare)), "whole": list(_whole(whole))}
    blocks = [
        _block(counted["paper"], "As the paper counts", numbers),
        _block(counted["whole"], "The whole model", numbers.iloc[:0]),
        _single_layers(bare, numbers),
    ]
    caption = (
        "Forward pass of one sample; a multiplication with an addition is two operations. The "
        "paper counts logits, attend and the weights of the layers named, without class token, "
        "embedding, norms, biases and head; the second block leaves nothing out."
    )
    frame = pd.DataFrame(
        [(name, count, *line) for count, lines in counted.items() for line in lines],
        columns=["task", "count", "type", "flops", "parameters"],
    )
    return Section(heading=name, blocks=tuple(blocks), caption=caption), frame


def _types(anatomy: Anatomy) -> Iterator[LayerType]:
    if anatomy.attention:
        yield EINSUM, anatomy.attention, 0
    for kind, roles in TYPES.items():
        if weights := anatomy.weights(roles):
            yield kind, anatomy.forward(roles), weights


def _whole(anatomy: Anatomy) -> Iterator[LayerType]:
    known = list(_types(anatomy))
    yield from known
    rest = anatomy.flops.forward - sum(flops for _, flops, _ in known)
    yield REST, rest, anatomy.parameters - sum(weights for _, _, weights in known)


def _block(lines: list[LayerType], title: str, numbers: pd.DataFrame) -> Block:
    flops, weights = sum(line[1] for line in lines), sum(line[2] for line in lines)
    shown = [*lines, (TOTAL, flops, weights)]
    published = not numbers.empty
    (scale, unit), (scale_of_weights, unit_of_weights) = unit_of(flops), unit_of(weights)
    rows = tuple(
        (
            *row(kind, f"{own / scale:.2f}", f"{100 * own / flops:.1f}"),
            *row(f"{count / scale_of_weights:.2f}", f"{100 * count / weights:.1f}"),
            *(printed_cell(numbers, metric=m, target=kind) for m in METRICS if published),
        )
        for kind, own, count in shown
    )
    header: tuple[str, ...] = ("", f"{unit}FLOPs", "%", f"{unit_of_weights} weights", "%")
    if published:
        header = (*header, *PAPER_HEADER)
    return Block(title=title, header=header, rows=rows)


def _single_layers(anatomy: Anatomy, numbers: pd.DataFrame) -> Block:
    """Return the sum over blocks of each layer by its name within the block: Table 17."""
    sums: dict[str, float] = {}
    for layer in anatomy.layers:
        own = layer.module_name.rpartition(".")[2]
        key = f"{layer.role} ({own})"
        sums[key] = sums.get(key, 0.0) + anatomy.flops.of(layer)
    if anatomy.attention:
        sums |= {"Logit": anatomy.attention / 2, "Attend": anatomy.attention / 2}
    published = not numbers.empty
    scale, unit = unit_of(max(sums.values(), default=0.0))
    rows = tuple(
        (
            *row(key, f"{value / scale:.2f}"),
            *([printed_cell(numbers, metric="gflops", target=_in_paper(key))] if published else []),
        )
        for key, value in sums.items()
    )
    header = ("", f"{unit}FLOPs", *(["paper"] if published else []))
    return Block(title="Layer by layer, summed over the model", header=header, rows=rows)


def _in_paper(key: str) -> str:
    """Return the paper's name of a layer in Table 17."""
    names = {"FF (fc1)": "FF1", "FF (fc2)": "FF2"}
    return names.get(key, key.partition(" ")[0])
