"""TensorBoard events: the curves as they are, and whole after a resumption."""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.helpers import tiny_spec

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.jobs.job import run_job
from pgf.jobs.tensorboard import ASKED, FOLDER, ask_for_events, events_of
from pgf.records.record import CURVES, OVERALL
from pgf.training.interruption import InterruptedRunError, Watch
from pgf.training.run_state import Run

pytest.importorskip("tensorboardX", exc_type=ImportError)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ASKED, "")  # given back afterwards
    ask_for_events()


def messages(path: Path) -> Iterator[bytes]:
    """Yield the records of a TFRecord file: length, its checksum, data, their checksum."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        yield data[at + 12 : at + 12 + length]
        at += 16 + length


def written(folder: Path) -> dict[tuple[str, int], float]:
    """Return the scalars of the one file of a run, by tag and step."""
    from tensorboardX.proto.event_pb2 import Event

    (path,) = (folder / FOLDER).iterdir()
    found = {}
    for message in messages(path):
        event = Event.FromString(message)
        for value in event.summary.value:
            assert (value.tag, event.step) not in found, "written twice"
            found[value.tag, event.step] = value.simple_value
    return found


def recorded(spec: RunSpec, results: Path) -> dict[tuple[str, int], float]:
    """Return the same from the curves that the run left behind."""
    curves = pd.read_parquet(spec.directory(results) / CURVES)
    # FLOPs so far are counted when the run is over.
    own = curves[(curves["layer"] == OVERALL) & (curves["name"] != "training_flops")]
    tags = own["name"] + np.where(own["reference"] != "", "/" + own["reference"], "")
    tags = tags.str.replace(r"[^-/\w.]", "_", regex=True)  # as TensorBoard wants them
    return dict(zip(zip(tags, own["step"], strict=True), own["value"], strict=True))


def trained(spec: RunSpec, results: Path, *, stop_at: int = 0) -> None:
    """Train a run with its events, and stop after a step if asked."""
    events, watch = events_of(results), Watch()
    assert events is not None

    def progress(run: Run) -> None:
        events.step(run)
        if run.step == stop_at:
            watch.signalled = "SIGTERM"

    run_job(
        [spec],
        results,
        announce=lambda own, record, following: events.finished(own),
        progress=progress,
        watch=watch,
    )


def test_events_are_the_curves(tmp_path: Path) -> None:
    spec = tiny_spec()
    trained(spec, tmp_path)
    found, expected = written(spec.directory(tmp_path)), recorded(spec, tmp_path)
    assert found.keys() == expected.keys() and len(found) > 10
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6, equal_nan=True)


def test_a_resumed_run_has_all_of_its_events_once(tmp_path: Path) -> None:
    spec = tiny_spec()
    with pytest.raises(InterruptedRunError):
        trained(spec, tmp_path, stop_at=3)
    trained(spec, tmp_path)
    assert written(spec.directory(tmp_path)).keys() == recorded(spec, tmp_path).keys()


def test_nobody_gets_events_who_did_not_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ASKED)
    assert events_of(tmp_path) is None


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UserError, match="pip install tensorboardX"):
        ask_for_events()
