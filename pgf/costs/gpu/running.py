"""Runs the pieces one after another, each within its time, and keeps what came of each at once."""

import json
import os
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

from pgf.costs.gpu.pieces import RIGHT, TESTS_XML, Piece
from pgf.records import write_atomically

STATE = "pieces.json"
DONE, FAILED, OUT_OF_TIME = "done", "failed", "out of time"
TO_STOP = 20.0
"""Seconds of its time that a piece has to end by itself and write what it has."""
LAST_LINES = 12


@dataclass(frozen=True)
class Outcome:
    """The outcome of a piece."""

    name: str
    stage: str
    command: str
    outcome: str
    seconds: float
    said: str
    """Its last lines, or the counts of its tests."""


def run_pieces(
    pieces: Sequence[Piece], folder: Path, *, minutes: float, tell: Callable[[str], None]
) -> list[Outcome]:
    """Run pieces in turn, and return what came of each; the file is written after every one.

    A piece that takes less than its share leaves the rest to those after it.

    Args:
        pieces: in their order.
        folder: where logs, and the outcomes as `pieces.json`, are written.
        minutes: of all together.
        tell: told what goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TESTS_XML).unlink(missing_ok=True)  # of an earlier call
    began, outcomes = perf_counter(), list[Outcome]()
    for i, piece in enumerate(pieces):
        left = 60 * minutes - (perf_counter() - began)
        to_come = sum(other.share for other in pieces[i:])
        limit = max(0.0, left * piece.share / to_come)
        tell(f"{piece.stage}: {piece.name}, at most {limit:.0f} s of {left:.0f} s")
        outcomes.append(_run(piece, folder, limit))
        tell(f"{piece.name}: {outcomes[-1].outcome} in {outcomes[-1].seconds:.0f} s")
        write_outcomes(outcomes, folder)
    return outcomes


def write_outcomes(outcomes: Sequence[Outcome], folder: Path) -> None:
    """Write the outcomes so far."""
    text = json.dumps([asdict(outcome) for outcome in outcomes], indent=1)
    write_atomically(folder / STATE, text + "\n")


def _run(piece: Piece, folder: Path, limit: float) -> Outcome:
    log, began = folder / f"{piece.name}.log", perf_counter()
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            piece.command,
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # what it has started itself ends with it
        )
        try:
            code: int | None = process.wait(max(1.0, limit - min(TO_STOP, limit / 4)))
        except subprocess.TimeoutExpired:
            code = None
            # pytest writes its report after Ctrl-C, a training its checkpoint after SIGTERM.
            process.send_signal(signal.SIGINT if piece.stage == RIGHT else signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(min(TO_STOP, limit / 4))
        finally:  # after Ctrl-C as well, which does not reach a session of its own
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said = _tests(folder) if piece.stage == RIGHT else ""
    return Outcome(
        name=piece.name,
        stage=piece.stage,
        command=" ".join(piece.command[1:]),
        outcome={0: DONE, None: OUT_OF_TIME}.get(code, FAILED),
        seconds=perf_counter() - began,
        said=said or _tail(log),
    )


def _tests(folder: Path) -> str:
    """Return the counts of the tests and the names of those that failed."""
    path = folder / TESTS_XML
    if not path.exists():
        return ""
    suite = next(ElementTree.parse(path).getroot().iter("testsuite"))
    counts = {key: int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")}
    bad = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return ", ".join([*(f"{count} {key}" for key, count in counts.items()), *bad])


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LAST_LINES:])
