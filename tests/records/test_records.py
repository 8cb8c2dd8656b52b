"""Records: written whole, read strictly, bitwise the same when a run is repeated."""

import json
import math
from pathlib import Path

import pytest
from support.helpers import tiny_spec
from support.jobs import VALUES, write_complete

from pgf.errors import UserError
from pgf.records.files import set_aside, write_atomically
from pgf.records.record import CURVES, RECORD, REQUIRED, read_record, why_incomplete, write_record


def test_a_failing_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_folders_are_made_for_a_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file.txt", "text")
    assert (tmp_path / "a" / "b" / "file.txt").read_text() == "text"


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path, VALUES)
    assert read_record(tmp_path / RECORD) == VALUES


@pytest.mark.parametrize("key", REQUIRED)
def test_a_record_without_a_key_is_neither_written_nor_read(key: str, tmp_path: Path) -> None:
    values = {k: v for k, v in VALUES.items() if k != key}
    with pytest.raises(ValueError, match=key):
        write_record(tmp_path, values)
    (tmp_path / RECORD).write_text(json.dumps(values))
    with pytest.raises(UserError, match=key):
        read_record(tmp_path / RECORD)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a complete record"),
        (json.dumps(VALUES)[:-9], "not a complete record"),
        ("[1, 2]", "has schema list"),
        (json.dumps({**VALUES, "schema": 7}), "has schema 7, but this version reads schema 2"),
        ("{}", "has schema None"),
    ],
)
def test_what_is_no_record_is_refused_with_its_path(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / RECORD
    path.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        read_record(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_written_as_null(value: float, tmp_path: Path) -> None:
    write_record(tmp_path, {**VALUES, "final_loss": value})
    assert read_record(tmp_path / RECORD)["final_loss"] is None


def test_setting_aside_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in ("first", "second", "third"):
        path.write_text(content)
        set_aside(path)
    found = {p.name: p.read_text() for p in tmp_path.iterdir()}
    assert found == {"file.bad1": "first", "file.bad2": "second", "file.bad3": "third"}


def test_a_run_with_record_and_curves_has_no_problem(tmp_path: Path) -> None:
    spec = tiny_spec()
    assert why_incomplete(spec, tmp_path) == "not trained yet"
    write_complete(spec, tmp_path)
    assert why_incomplete(spec, tmp_path) is None


def test_curves_cut_short_are_a_problem(tmp_path: Path) -> None:
    spec = tiny_spec()
    curves = write_complete(spec, tmp_path) / CURVES
    curves.write_bytes(curves.read_bytes()[:-9])
    assert f"{curves} is not what the run wrote" in (why_incomplete(spec, tmp_path) or "")


def test_a_record_of_other_settings_is_a_problem(tmp_path: Path) -> None:
    write_record(write_complete(tiny_spec(), tmp_path), {**VALUES, "fingerprint": "f0"})
    assert "other settings or other code" in str(why_incomplete(tiny_spec(), tmp_path))


def test_a_record_without_its_curves_is_a_problem(tmp_path: Path) -> None:
    (write_complete(tiny_spec(), tmp_path) / CURVES).unlink()
    assert CURVES in str(why_incomplete(tiny_spec(), tmp_path))
