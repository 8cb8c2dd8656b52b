"""Bad input and half-finished work lose nothing that was there before."""

import errno
import shutil
from pathlib import Path

import pytest
import yaml
from support import ROOT
from support.records import write_run

from pgf.__main__ import UNUSABLE, _said_of_files, main
from pgf.errors import DISK_FULL
from pgf.experiments.config import load_experiment
from pgf.jobs.reproduce import count_missing, manifest_path
from pgf.records.checksums import CHECKSUMS
from pgf.records.collected import read_collected, write_collected
from pgf.records.record import RECORD

SELECTION = Path("configs/selections/laptop.yaml")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configs and the profiles alone."""
    for name in ("configs", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", ["reproduce", "train"])
def test_a_typo_in_a_config_sets_no_record_aside(
    folder: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    experiment, results = load_experiment("smoke"), Path("results")
    job, specs = next(iter(experiment.jobs().items()))
    write_run(specs[0], results)
    manifest = manifest_path(experiment, job, results)
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text("{}")
    missing = count_missing(experiment, results)
    config = folder / "configs/smoke.yaml"
    text = config.read_text()
    config.write_text(text.replace("learning_rate: 0.002", "learning_rate: 0.002\n  schedule: x"))
    more = ["--job", job] if command == "train" else []
    assert main([command, "smoke", *more]) == 2
    assert "schedule" in capsys.readouterr().err
    config.write_text(text)
    assert count_missing(experiment, results) == missing < len(experiment.runs())
    assert manifest.exists() and (specs[0].directory(results) / RECORD).exists()


def test_trials_of_unchanged_columns_stay_when_one_is_added(folder: Path) -> None:
    before = yaml.safe_load(SELECTION.read_text())["choices"]
    config = folder / "configs/laptop.yaml"
    config.write_text(config.read_text().replace("  ste: {}\n", "  ste: {}\n  bdwp: {}\n"))
    assert main(["tune", "laptop", "--so-far"]) == 0
    after = yaml.safe_load(SELECTION.read_text())
    assert after["unfinished"] is True and after["choices"] == before


def test_files_of_a_collection_that_was_killed_are_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = ROOT / "results/committed/laptop"
    collected = read_collected(source)
    shutil.copytree(source, tmp_path / "laptop")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pgf.records.collected.write_checksums", killed)
    with pytest.raises(KeyboardInterrupt):
        write_collected(collected, tmp_path / "laptop")
    assert not (tmp_path / "laptop" / CHECKSUMS).exists(), "the workflow collects again"


def test_a_place_that_cannot_be_written_is_said_in_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "results").write_text("a file")
    assert main(["train", "smoke", "--recipe", "dense", "--seed", "0"]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert "results" in said[-1] and "Traceback" not in "".join(said)
    assert main(["status", "smoke"]) in (0, 2)


def test_every_error_of_a_path_has_words() -> None:
    for number in (*DISK_FULL, *UNUSABLE):
        said = _said_of_files(OSError(number, errno.errorcode[number], "results/x"))
        assert "results" in said and said.count("\n") == 0
