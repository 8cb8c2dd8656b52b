"""Operations and storage at every target: the paper's Table 18."""

from collections.abc import Sequence

import pandas as pd

from pgf.analysis import Block, Row, Section, row, unit_of
from pgf.costs.compute.anatomy import Anatomy
from pgf.costs.compute.printed import printed_cell, row_of
from pgf.recipes import Target
from pgf.sparsity import select_layers
from pgf.tasks import Task
from pgf.training import inference_flops, parameter_counts

COLUMNS = [
    *("task", "target", "paper_sa", "paper_ff", "paper_total", "whole", "whole_dense"),
    *("parameters", "parameters_kept", "bytes_dense", "bytes", "bytes_packed"),
]


def targets(
    name: str,
    task: Task,
    chosen: Sequence[Target],
    numbers: pd.DataFrame,
    remarks: Sequence[str] = (),
) -> tuple[Section, pd.DataFrame]:
    """Return a task's section and its numbers in long form, dense first.

    Args:
        name: the task's name.
        task: the task.
        chosen: the experiment's sparse targets.
        numbers: the paper's numbers of this model, may be empty.
        remarks: what to know of Table 18, shown with its numbers.
    """
    bare, whole = Anatomy.of(task.as_the_paper_counts()), Anatomy.of(task)
    frame = pd.DataFrame(
        [_line(name, task, bare, whole, target) for target in (Target(), *chosen)],
        columns=COLUMNS,
    )
    blocks = [_whole_block(frame)]
    if bare.self_attention():
        blocks.insert(0, _paper_block(frame, numbers))
    notes = () if numbers.empty else tuple(remarks)
    return Section(heading=name, blocks=tuple(blocks), caption=CAPTION, notes=notes), frame


CAPTION = (
    "Forward pass of one sample at the strict target. The paper's formula is SA + FF x S, S being "
    "N/M of the feed-forward layers: it leaves out class token, embedding, norms and head, and "
    "what sparse Q, K and V save. The whole model leaves nothing out. Storage: values of 16 bits "
    "and log2 M bits of index, rounded up, per kept weight; packed: as pgf.inference stores "
    "it, with indices of 4 bits, or of 8 where M is above 16."
)


def _line(
    name: str, task: Task, bare: Anatomy, whole: Anatomy, target: Target
) -> tuple[object, ...]:
    layers = [] if target.is_dense else select_layers(whole.model, target, task.groups or None)
    counts = parameter_counts(whole.model, layers)
    pattern = target.pattern_for("FF")
    attention, forward = bare.self_attention(), bare.forward(["FF"])
    sparse = forward * (pattern.density if pattern else 1.0)
    return (
        *(name, str(target), attention, sparse, attention + sparse),
        *(inference_flops(whole.flops, layers), whole.flops.forward),
        *(counts[key] for key in COLUMNS[-5:]),
    )


def _paper_block(frame: pd.DataFrame, numbers: pd.DataFrame) -> Block:
    rows: list[Row] = []
    scale, unit = unit_of(frame["paper_total"].max())
    for line in frame.to_dict("records"):
        target = Target.parse(str(line["target"]))
        cells: Row = row(
            target.label,
            *(f"{line[key] / scale:.2f}" for key in ("paper_sa", "paper_ff", "paper_total")),
            f"{frame['paper_total'].iloc[0] / line['paper_total']:.2f}",
        )
        if not numbers.empty:
            own = row_of(target)
            cells = (*cells, printed_cell(numbers, metric="gflops_total", target=own))
        rows.append(cells)
    header = ("", *(f"{name} ({unit})" for name in ("SA", "FF", "total")), "fewer (x)")
    if not numbers.empty:
        header = (*header, "paper: total (G)")
    return Block(title="As the paper counts", header=header, rows=tuple(rows))


def _whole_block(frame: pd.DataFrame) -> Block:
    operations, unit = unit_of(frame["whole"].max())
    weights, of_weights = unit_of(frame["parameters"].max())
    stored, of_bytes = unit_of(frame["bytes_dense"].max())
    rows = tuple(
        row(
            Target.parse(str(line["target"])).label,
            f"{line['whole'] / operations:.2f}",
            f"{line['whole_dense'] / line['whole']:.2f}",
            f"{line['parameters_kept'] / weights:.2f}",
            f"{line['bytes'] / stored:.1f}",
            f"{line['bytes_dense'] / line['bytes']:.2f}",
            f"{line['bytes_packed'] / stored:.1f}",
        )
        for line in frame.to_dict("records")
    )
    counted = (f"{unit}FLOPs", "fewer (x)", f"{of_weights} parameters kept")
    header = ("", *counted, f"stored ({of_bytes}B)", "smaller (x)", f"packed ({of_bytes}B)")
    return Block(title="The whole model", header=header, rows=rows)
