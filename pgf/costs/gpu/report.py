"""The report of what was done on a GPU."""

from collections.abc import Sequence
from pathlib import Path

from pgf.analysis import Block, markdown_block, row
from pgf.costs.bench.sizes import Sizes
from pgf.costs.gpu.pieces import RIGHT
from pgf.costs.gpu.running import FAILED, Outcome
from pgf.records import write_atomically

REPORT = "README.md"


def write_report(outcomes: Sequence[Outcome], measured: Path, folder: Path, sizes: Sizes) -> Path:
    """Write the page over all pieces, and return it.

    Args:
        outcomes: of the pieces.
        measured: the bench's own page, which may be missing.
        folder: where to write.
        sizes: what was measured, and where.
    """
    title = "Rehearsal of the GPU's checks on a CPU" if sizes.is_rehearsal else "On a GPU"
    rows = tuple(row(o.stage, o.name, o.outcome, f"{o.seconds:.0f}") for o in outcomes)
    table = markdown_block(Block(("", "piece", "outcome", "seconds"), rows, text_columns=(0, 1, 2)))
    parts = [f"# {title}\n\n{sizes.where}.\n\n{table}\n"]
    shown = [o for o in outcomes if o.stage == RIGHT or o.outcome == FAILED]
    parts += [f"## {o.name}\n\n```text\n{o.said}\n```\n" for o in shown]
    if measured.exists():
        parts.append(measured.read_text(encoding="utf-8"))
    path = folder / REPORT
    write_atomically(path, "\n".join(parts))
    return path
