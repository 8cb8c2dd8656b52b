"""The bench in a few lines, for its page."""

import json
import re
from pathlib import Path
from typing import Any

from pgf.analysis import Block, markdown_block, row
from pgf.costs.bench.model import Bound, Measurement
from pgf.costs.bench.report import NOT_MEASURED, file_name, machine
from pgf.errors import UserError
from pgf.records import write_atomically

HEADER = ("", "usual way", "worst of ours", "", "target", "reached")


def write_summary(folder: Path) -> Path:
    """Write the bench of this machine into its block of the page, and return the page.

    Every machine has a block of its own; a new one's stands at the end.

    Raises:
        UserError: nothing was measured on this machine.
    """
    page = folder / "README.md"
    text = page.read_text(encoding="utf-8") if page.exists() else "# bench\n"
    block = f"<!-- {file_name()} -->\n{_summary(folder)}<!-- end -->"
    own = re.compile(rf"<!-- {re.escape(file_name())} -->\n.*?<!-- end -->", re.S)
    text, found = own.subn(lambda _: block, text)
    if not found:
        text = f"{text.rstrip()}\n\n{block}\n"
    write_atomically(page, text)
    return page


def _summary(folder: Path) -> str:
    path = folder / f"{file_name()}.json"
    if not path.exists():
        raise UserError(f"no {path}: `make WRITE=1 bench` measures, and keeps the result there")
    parts = json.loads(path.read_text(encoding="utf-8"))["parts"]
    rows = tuple(row(*_texts(part)) for part in parts.values())
    commits = sorted({part["where"]["commit"][:7] for part in parts.values()})
    every = f"[every line, with floors and spreads]({file_name()}.md)"
    table = markdown_block(Block(HEADER, rows, text_columns=(0, 3)))
    return f"\n{table}\n\n({machine()}, commit {', '.join(commits)}; {every})\n"


def _texts(part: dict[str, Any]) -> list[str]:
    lines = [Measurement(**line) for line in part["lines"]]
    aimed = [line for line in lines if line.target is not None]
    known = [line for line in aimed if line.ratio is not None]
    what = f"{part['title']}: {part['ratio_of']}"
    if not known:
        targets = dict.fromkeys(map(_target, aimed))
        return [what, "", NOT_MEASURED, "", " / ".join(targets), ""]
    worst = max(known, key=_excess)
    reached = f"{sum(bool(line.reached) for line in known)} of {len(known)}"
    return [what, _usual(worst), f"{worst.ratio:.3f}", worst.what, _target(worst), reached]


def _target(line: Measurement) -> str:
    return f"{line.bound} {line.target:g}"


def _excess(line: Measurement) -> float:
    assert line.ratio is not None and line.target is not None
    ratio = line.ratio / line.target
    return ratio if line.bound == Bound.AT_MOST else 1 / ratio


def _usual(line: Measurement) -> str:
    if line.usual is None or line.floor is None:
        return ""
    return f"{line.usual / line.floor:.3g}"
