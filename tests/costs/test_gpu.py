"""All that needs a GPU: pieces within their time, and a report of what came of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from pgf.__main__ import main
from pgf.costs.bench.processes import together
from pgf.costs.bench.sizes import rehearsal
from pgf.costs.gpu.pieces import FAST, PARTS, RIGHT, USEFUL, Piece, marked_files, pieces
from pgf.costs.gpu.report import write_report
from pgf.costs.gpu.running import DONE, FAILED, OUT_OF_TIME, STATE, run_pieces


def python(name: str, code: str, *, share: float = 0.5, stage: str = FAST) -> Piece:
    return Piece(name, stage, (sys.executable, "-c", code), share)


def test_a_piece_that_fails_or_hangs_costs_the_others_nothing(tmp_path: Path) -> None:
    waits = "import signal; print('waits', flush=True); signal.pause()"
    made = [
        python("fails", "print('its last words'); raise SystemExit(3)", share=0.4),
        python("hangs", waits, share=0.0),
        python("works", "print('fine')", share=0.4, stage=USEFUL),
    ]
    told: list[str] = []
    found = run_pieces(made, tmp_path, minutes=1.0, tell=told.append)
    assert [one.outcome for one in found] == [FAILED, OUT_OF_TIME, DONE]
    assert [one["name"] for one in json.loads((tmp_path / STATE).read_text())] == [
        *("fails", "hangs", "works"),
    ]
    page = write_report(found, tmp_path / "none.md", tmp_path, rehearsal()).read_text()
    assert "its last words" in page and "no measurement" in page
    assert sum(line.startswith("fails: failed") for line in told) == 1


def test_what_a_piece_leaves_goes_to_those_after_it(tmp_path: Path) -> None:
    told: list[str] = []
    made = [python("first", "pass", share=0.5), python("last", "pass", share=0.5)]
    run_pieces(made, tmp_path, minutes=10.0, tell=told.append)
    assert told[0].startswith("fast: first, at most 300 s of 600 s")
    of_last = int(told[2].split("at most ")[1].split(" s")[0])
    assert of_last > 400


def test_a_piece_that_is_asked_to_stop_may_write_what_it_has(tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys\n"
        f"path = pathlib.Path({str(tmp_path / 'checkpoint')!r})\n"
        "signal.signal(signal.SIGTERM, lambda *_: (path.write_text('kept'), sys.exit(75)))\n"
        "signal.pause()\n"
    )
    (found,) = run_pieces([python("trains", code)], tmp_path, minutes=0.1, tell=lambda _: None)
    assert found.outcome == OUT_OF_TIME and (tmp_path / "checkpoint").read_text() == "kept"


def test_the_tests_come_first_and_are_those_that_are_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    found = pieces(tmp_path, ["smoke", "laptop"])
    assert [piece.stage for piece in found] == [RIGHT, *[FAST] * len(PARTS), USEFUL, USEFUL]
    assert sum(piece.share for piece in found) == pytest.approx(1)
    files = marked_files(Path("tests"))
    assert "tests/sparsity/test_triton.py" in files and "tests/test_imports.py" not in files
    assert set(files) <= set(found[0].command)


def test_nonsense_is_refused_before_anything_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gpu", "--minutes", "0"]) == 2
    assert "--minutes must be positive" in capsys.readouterr().err
    assert main(["gpu", "--train", "laptpo"]) == 2
    assert "laptop" in capsys.readouterr().err
    assert main(["gpu", "--measure", "maks"]) == 2
    assert "did you mean 'masks'" in capsys.readouterr().err


def test_a_piece_ends_with_the_command_that_is_interrupted(tmp_path: Path) -> None:
    began = tmp_path / "began"
    piece = f"import os, signal; open({str(began)!r}, 'w').write(str(os.getpid())); signal.pause()"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from pgf.costs.gpu.pieces import FAST, Piece\n"
        "from pgf.costs.gpu.running import run_pieces\n"
        f"made = Piece('waits', FAST, (sys.executable, '-c', {piece!r}), 0.5)\n"
        f"run_pieces([made], Path({str(tmp_path)!r}), minutes=10.0, tell=lambda _: None)\n"
    )
    command = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not (began.exists() and began.read_text()):
        assert command.poll() is None
    command.send_signal(signal.SIGINT)
    command.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(int(began.read_text()), 0)


def test_a_command_that_fails_ends_those_beside_it(tmp_path: Path) -> None:
    fails, waits = "raise SystemExit(3)", "import signal; signal.pause()"
    with pytest.raises(subprocess.CalledProcessError):
        together([[sys.executable, "-c", code] for code in (fails, waits)], cwd=tmp_path)
