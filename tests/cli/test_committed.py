"""Results in git: how fresh ones are compared with them and take their place."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from support import ROOT

from pgf.__main__ import main

NAME = "laptop"
COMMITTED = f"results/committed/{NAME}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an experiment, its committed results, and fresh ones that equal them."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copytree(ROOT / COMMITTED, tmp_path / COMMITTED)
    shutil.copytree(ROOT / COMMITTED, tmp_path / f"results/{NAME}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_the_committed_results_reproduce_themselves(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", NAME]) == 0
    assert capsys.readouterr().out.startswith("reproduced: ")


def test_changed_committed_results_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(folder / COMMITTED / "runs.csv", "complete", "completed")
    assert main(["compare", NAME]) == 2
    assert f"{COMMITTED}/runs.csv is not what was collected" in capsys.readouterr().err


def test_an_experiment_without_committed_results_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(folder / COMMITTED)
    assert main(["compare", NAME]) == 2
    assert "nothing to compare with" in capsys.readouterr().err


def test_kept_results_are_those_of_the_experiment_with_its_page(folder: Path) -> None:
    fresh, kept = folder / f"results/{NAME}", folder / COMMITTED
    (fresh / "tables/accuracy.html").write_text("a report's own")
    (fresh / "README.md").unlink()
    (fresh / "runs").mkdir()
    (fresh / "tables/accuracy.md").unlink()  # written anew, as all tables are
    (kept / "tables/of_old.md").write_text("a table that is no more")
    assert main(["keep", NAME]) == 0
    names = {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()}
    there = {str(path.relative_to(fresh)) for path in fresh.rglob("*") if path.is_file()}
    assert names == {name for name in there if not name.endswith(".html")}
    page = (kept / "README.md").read_text()
    (kept / "README.md").write_text("typed")
    assert main(["page", NAME, "--committed"]) == 0
    assert (kept / "README.md").read_text() == page and "## What these runs show" in page


def test_incomplete_results_are_not_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(folder / f"configs/{NAME}.yaml", "seeds: [0,", "seeds: [99, 0,")
    assert main(["keep", NAME]) == 2
    assert "runs of phonemes_encdec are missing" in capsys.readouterr().err


def test_no_experiment_is_called_as_the_folder(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (folder / f"configs/{NAME}.yaml").read_text().replace(f"name: {NAME}", "name: committed")
    (folder / "configs/committed.yaml").write_text(text)
    assert main(["tables", "committed"]) == 2
    assert "name: 'committed' is a folder of the results" in capsys.readouterr().err


def test_costs_are_counted_anew_when_results_are_kept(folder: Path) -> None:
    counted = {path.name: path.read_bytes() for path in (ROOT / COMMITTED / "compute").iterdir()}
    for path in (folder / f"results/{NAME}/compute").iterdir():
        path.write_text("of older code")
    (folder / f"results/{NAME}/compute/of_old.md").write_text("a table that is no more")
    assert main(["keep", NAME]) == 0
    kept = folder / COMMITTED / "compute"
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == counted


def test_other_numbers_are_not_reproduced_and_the_exit_code_is_3(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = folder / f"results/{NAME}"
    runs = pd.read_csv(fresh / "runs.csv", dtype="str")
    mine = (runs["recipe"] == "sr_ste") & (runs["task"] == "digits_vit")
    runs.loc[mine, "final_loss"] = (runs.loc[mine, "final_loss"].astype(float) + 1).astype(str)
    runs.to_csv(fresh / "runs.csv", index=False, lineterminator="\n")
    (fresh / "checksums.json").unlink()
    assert main(["compare", NAME]) == 3
    said = capsys.readouterr().out
    assert said.startswith("NOT reproduced: ") and "moved: digits_vit, SR-STE at" in said
