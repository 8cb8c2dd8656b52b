"""All pieces in turn, and the part of the bench that one of them measures."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pgf.costs.bench import GPU_PARTS
from pgf.costs.bench.report import file_name, write_bench
from pgf.costs.bench.sizes import sizes_here
from pgf.costs.gpu.pieces import RIGHT, pieces
from pgf.costs.gpu.report import write_report
from pgf.costs.gpu.running import DONE, run_pieces

Tell = Callable[[str], None]


def use_gpu(
    folder: Path, experiments: Sequence[str], *, minutes: float, tell: Tell
) -> tuple[Path, bool]:
    """Test, measure and train within so many minutes.

    Args:
        folder: where to write.
        experiments: what is trained last.
        minutes: of all together.
        tell: told what goes on.

    Returns:
        the report, and whether all tests passed.
    """
    sizes = sizes_here()
    tell(f"on {sizes.where}")
    for old in folder.glob(f"{file_name(sizes.where)}.*"):
        old.unlink()  # of an earlier call
    outcomes = run_pieces(pieces(folder, experiments), folder, minutes=minutes, tell=tell)
    page = write_report(outcomes, folder / f"{file_name(sizes.where)}.md", folder, sizes)
    return page, all(one.outcome == DONE for one in outcomes if one.stage == RIGHT)


def measure_part(name: str, folder: Path, *, tell: Tell) -> None:
    """Measure one part of the bench, and write it beside those that stand in the folder.

    Raises:
        UserError: there is no such part.
    """
    measure, sizes = GPU_PARTS.find(name), sizes_here()
    write_bench({name: measure(tell, sizes)}, folder, device=sizes.where)
