"""Records and results that were changed after they were written, by hand or by a flipped bit."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.helpers import tiny_spec
from support.jobs import VALUES, work, write_complete
from support.records import spec, write_run

from pgf.errors import UserError
from pgf.records.checksums import CHECKSUMS, checksum_of
from pgf.records.collected import read_collected, write_collected
from pgf.records.collection import collect_runs
from pgf.records.record import (
    CHECKSUM,
    CURVES,
    RECORD,
    read_record,
    read_run,
    why_incomplete,
    write_record,
)

HTML = "<script>alert(1)</script>"


def forged(path: Path, **changes: Any) -> None:
    """Change a record and give it the checksum of what it then says."""
    values = {**json.loads(path.read_text()), **changes}
    values.pop(CHECKSUM)
    path.write_text(json.dumps({**values, CHECKSUM: checksum_of(values)}))


@pytest.mark.parametrize(
    "changes",
    [{"final": 99.0}, {"seed": 4}, {"recipe_label": HTML}, {"status": "diverged"}, {"more": 1}],
)
def test_a_record_that_was_edited_is_named(changes: dict[str, Any], tmp_path: Path) -> None:
    path = write_complete(tiny_spec(), tmp_path) / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match="was changed after it was written") as caught:
        read_record(path)
    assert str(path) in str(caught.value)
    assert why_incomplete(tiny_spec(), tmp_path) == str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"final": "99"}, "final must be a number or null"),
        ({"final": float("1e999")}, "final must be a number or null"),
        ({"final": [1]}, "final must be a number or null"),
        ({"seed": True}, "seed must be a whole number"),
        ({"seed": 3.5}, "seed must be a whole number"),
        ({"task": 7}, "task must be a text"),
        ({"higher_is_better": 1}, "higher_is_better must be true or false"),
    ],
)
def test_a_value_of_another_kind_is_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = write_complete(tiny_spec(), tmp_path) / RECORD
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match=words):
        read_record(path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"schema": 2, "final": ' + "9" * 5000 + "}",
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        "\x00\x00",
    ],
)
def test_nonsense_is_one_sentence(text: str, tmp_path: Path) -> None:
    path = write_complete(tiny_spec(), tmp_path) / RECORD
    path.write_text(text)
    with pytest.raises(UserError, match="is not a complete record"):
        read_record(path)
    assert "\n" not in str(why_incomplete(tiny_spec(), tmp_path))


@given(st.data())
def test_any_flipped_bit_of_the_curves_is_seen(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = write_complete(tiny_spec(), tmp_path_factory.mktemp("run"))
    content = bytearray((folder / CURVES).read_bytes())
    at = data.draw(st.integers(0, 8 * len(content) - 1))
    content[at // 8] ^= 1 << at % 8
    (folder / CURVES).write_bytes(content)
    with pytest.raises(UserError, match="is not what the run wrote"):
        read_run(folder)


def test_a_record_that_was_edited_is_set_aside_and_trained_again(tmp_path: Path) -> None:
    run = tiny_spec("ste", steps=2, evaluations=1)
    work([run], tmp_path)
    path = run.directory(tmp_path) / RECORD
    before = path.read_text()
    path.write_text(before.replace('"final": ', '"final": 1'))
    assert work([run], tmp_path) == [run.title]
    assert path.with_name(f"{RECORD}.bad1").exists()
    with_time = [json.loads(text) for text in (before, path.read_text())]
    own, again = (
        {k: v for k, v in r.items() if k not in ("train_seconds", CHECKSUM)} for r in with_time
    )
    assert own == again


def test_what_was_collected_is_known_by_its_checksums(tmp_path: Path) -> None:
    specs = [spec(seed) for seed in range(2)]
    for one in specs:
        write_run(one, tmp_path / "results")
    write_collected(collect_runs(specs, tmp_path / "results"), tmp_path)
    assert len(read_collected(tmp_path).runs) == 2
    runs = tmp_path / "runs.csv"
    runs.write_text(runs.read_text().replace("80.0", "98.0"))
    with pytest.raises(UserError, match=f"{runs} is not what was collected"):
        read_collected(tmp_path)
    (tmp_path / CHECKSUMS).write_text("[" * 100_000)
    with pytest.raises(UserError, match="is no JSON"):
        read_collected(tmp_path)
    (tmp_path / CHECKSUMS).unlink()  # results from before there were any
    assert 98.0 in set(read_collected(tmp_path).runs["final"])


@pytest.mark.parametrize("name", ["runs.csv", "curves.parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00", b"a,b\n1,2\n"])
def test_garbage_in_place_of_results_is_one_sentence(
    name: str, content: bytes, tmp_path: Path
) -> None:
    write_run(spec(), tmp_path / "results")
    write_collected(collect_runs([spec()], tmp_path / "results"), tmp_path)
    (tmp_path / CHECKSUMS).unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} .*collect the runs again") as caught:
        read_collected(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_forged_record_stands_and_its_label_is_escaped_elsewhere(tmp_path: Path) -> None:
    folder = write_complete(tiny_spec(), tmp_path)
    forged(folder / RECORD, recipe_label=HTML)
    assert read_record(folder / RECORD)["recipe_label"] == HTML


def test_the_checksum_is_of_the_content_and_not_of_its_layout(tmp_path: Path) -> None:
    write_record(tmp_path, VALUES)
    values = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps(dict(reversed(values.items()))))
    assert read_record(tmp_path / RECORD) == VALUES
