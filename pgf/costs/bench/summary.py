"""The bench in a few lines, for the README."""

import json
from pathlib import Path
from typing import Any

from pgf.analysis import Block, markdown_block, row
from pgf.costs.bench.model import Bound, Measurement
from pgf.costs.bench.report import NOT_MEASURED, file_name, machine
from pgf.errors import UserError

HEADER = ("", "usual way", "worst of ours", "", "target", "reached")


def summary_block(folder: Path) -> str:
    """Return the text between the README's markers for the bench of this machine.

    Raises:
        UserError: nothing was measured on it.
    """
    path = folder / f"{file_name()}.json"
    if not path.exists():
        raise UserError(f"no {path}: `make WRITE=1 bench` measures, and keeps the result there")
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    rows = tuple(row(*_texts(part)) for part in parts.values())
    page = f"[every line, with floors and spreads]({folder / (file_name() + '.md')})"
    commits = sorted({part["where"]["commit"][:7] for part in parts.values()})
    source = f"{machine()}, commit {', '.join(commits)}; {page}"
    return f"\n{markdown_block(Block(HEADER, rows, text_columns=(0, 3)))}\n\n({source})\n"


def _texts(part: dict[str, Any]) -> list[str]:
    lines = [Measurement(**line) for line in part["lines"]]
    aimed = [line for line in lines if line.target is not None]
    known = [line for line in aimed if line.ratio is not None]
    what = f"{part['title']}: {part['ratio_of']}"
    targets = dict.fromkeys(f"{line.bound} {line.target:g}" for line in aimed)
    if not known:
        return [what, "", NOT_MEASURED, "", " / ".join(targets), ""]
    worst = max(known, key=_excess)
    reached = f"{sum(bool(line.reached) for line in known)} of {len(known)}"
    return [what, _usual(worst), f"{worst.ratio:.3f}", worst.what, " / ".join(targets), reached]


def _excess(line: Measurement) -> float:
    assert line.ratio is not None and line.target is not None
    ratio = line.ratio / line.target
    return ratio if line.bound == Bound.AT_MOST else 1 / ratio


def _usual(line: Measurement) -> str:
    if line.usual is None or line.floor is None:
        return ""
    return f"{line.usual / line.floor:.3g}"
