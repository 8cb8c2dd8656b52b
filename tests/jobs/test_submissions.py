"""A submission: made from an experiment, checked as a whole, and merged as a column of its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT
from support.jobs import work

from pgf.__main__ import main
from pgf.errors import UserError
from pgf.experiments.config import load_experiment
from pgf.experiments.selection import selection_text
from pgf.experiments.tuning_settings import selection_path
from pgf.experiments.yaml_files import read_yaml
from pgf.jobs.submission_checks import examine
from pgf.jobs.submissions import FILES, SUBMISSIONS, check_same, prepare, take_in
from pgf.records.collected import Collected, read_collected, write_collected
from pgf.records.collection import collect_runs

BASE: dict[str, Any] = {
    "name": "base",
    "tasks": {"digits_vit": {"validation": {"evaluate_on": "validation"}}},
    "training": {"steps": 3, "batch_size": 8, "learning_rate": 0.01, "evaluations": 1},
    "targets": ["1:4(FF)"],
    "recipes": {"dense": {}, "removed": {}, "random_mask": {}, "sr_ste": {}},
    "seeds": [3, 4],
    "tuning": {"learning_rates": [0.01, 0.02, 0.04, 0.08], "seeds": [100, 101]},
    "analysis": {"baselines": ["sr_ste"]},
}
RECIPE = '''
"""SR-STE whose pull is half as strong."""
from dataclasses import dataclass
from pgf.recipes.baselines import SrSte


@dataclass(frozen=True, kw_only=True)
class Half(SrSte):
    """SR-STE with half of its lambda."""
    label = "Half"
    lambda_w: float = 1e-4
'''


def select(config: Path, *, trials: int) -> None:
    """Write a tuned selection, as if every column had had so many trials."""
    own = load_experiment(str(config), tuned=False)
    losses = {f"{0.01 * 2**i:g}": 1.0 + i for i in range(trials)}
    choice = {"learning_rate": 0.01, "options": {}, "loss": 1.0, "trials": losses}
    choices: dict[str, Any] = {}
    for task in own.tasks:
        for column, target in own.cells_of(task):
            choices.setdefault(task, {}).setdefault(target, {})[column] = choice
    path = selection_path(own.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(selection_text(own.name, own.tuning_fingerprints(), 2, choices))


def train(config: Path, folder: Path) -> None:
    """Train and collect an experiment into a folder of results."""
    own = load_experiment(str(config))
    work(own.runs(), folder)
    write_collected(collect_runs(own.runs(), folder), folder / own.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a trained experiment and a submission to it."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "configs").mkdir()
    (folder / "configs/base.yaml").write_text(yaml.safe_dump(BASE, sort_keys=False))
    (folder / "mine.py").write_text(RECIPE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        select(Path("configs/base.yaml"), trials=4)
        train(Path("configs/base.yaml"), Path("results"))
        shutil.copytree("results/base", "results/committed/base")
        config = prepare("base", "mine.py:Half", name="half", by="A. Person")
        select(config, trials=4)
        train(config, Path("results"))
        take_in(config.parent, Path("results"))
    return folder


@pytest.fixture
def checkout(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may spoil."""
    for name in ("configs", "results/base", "results/committed", "results/submissions"):
        shutil.copytree(made / name, tmp_path / name)
    shutil.copytree(Path("configs/paper"), tmp_path / "configs/paper")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def broken(folder: Path = SUBMISSIONS / "half") -> dict[str, str]:
    """Return what is broken of a submission, without the laws of recipes."""
    found = examine(folder, Path("results/committed"), laws=False)
    return {finding.law: finding.broken for finding in found if finding.broken}


def edit(path: Path, **changes: Any) -> None:
    path.write_text(yaml.safe_dump({**read_yaml(path), **changes}, sort_keys=False))


def rewrite(folder: Path, **columns: Any) -> None:
    """Change columns of collected runs, checksums and all."""
    found = read_collected(folder)
    runs = found.runs.assign(**columns)
    write_collected(Collected(runs, found.curves, found.layers), folder)


def test_a_submission_that_keeps_the_rules_passes(checkout: Path) -> None:
    folder = SUBMISSIONS / "half"
    there = {path.name for path in folder.iterdir() if path.is_file()}
    assert there == {*FILES, "recipe.py", "half.yaml", "selection.yaml", "submission.yaml"}
    assert broken() == {}


def test_another_config_is_told(checkout: Path) -> None:
    edit(SUBMISSIONS / "half/half.yaml", seeds=[3])
    select(SUBMISSIONS / "half/half.yaml", trials=4)
    shutil.copyfile(selection_path("half"), SUBMISSIONS / "half/selection.yaml")
    found = read_collected(SUBMISSIONS / "half")
    runs = found.runs[found.runs["seed"] == 3]
    write_collected(Collected(runs, found.curves, found.layers), SUBMISSIONS / "half")
    assert list(broken().values()) == ["seeds differ from base's"]


def test_more_trials_than_the_columns_had_are_told(checkout: Path) -> None:
    select(SUBMISSIONS / "half/half.yaml", trials=5)
    (said,) = [text for text in broken().values() if "trials" in text]
    assert said.startswith("5 trials at 1:4(FF) of digits_vit, and 4 there")
    assert any("selection.yaml differ" in text for text in broken().values())


def test_runs_that_nobody_trained_are_told(checkout: Path) -> None:
    better = read_collected(SUBMISSIONS / "half").runs["final_loss"] - 0.5
    rewrite(SUBMISSIONS / "half", final_loss=better)
    (said,) = broken().values()
    assert "seed 3: a loss of" in said or "seed 4: a loss of" in said


def test_data_and_code_are_compared_with_the_committed_runs(checkout: Path) -> None:
    rewrite(SUBMISSIONS / "half", data="0ther", code="0ther")
    assert list(broken().values()) == ["the data of digits_vit are others"]
    # Other code is no fault where the experiment's own run ends the same by it.
    better = read_collected(Path("results/committed/base")).runs["final_loss"] - 0.5
    rewrite(Path("results/committed/base"), final_loss=better)
    assert any("of the experiment, trained by this numeric code" in law for law in broken())


def test_missing_runs_are_told(checkout: Path) -> None:
    found = read_collected(SUBMISSIONS / "half")
    runs = found.runs[found.runs["seed"] == 3]
    write_collected(Collected(runs, found.curves, found.layers), SUBMISSIONS / "half")
    assert list(broken().values()) == ["1 are missing"]


def test_it_is_merged_as_a_column_beside_the_experiments_own(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", "base", str(SUBMISSIONS / "half")]) == 0, capsys.readouterr().err
    assert "half: 2 runs of a further column, Half" in capsys.readouterr().out
    table = Path("results/merged/base/tables/grading.csv").read_text()
    assert "half," in table and "sr_ste," in table
    again = [f"{name}={SUBMISSIONS / 'half'}" for name in ("a", "b")]
    assert main(["merge", "base", *again]) == 2
    assert "b: the column half is there already; give it once" in capsys.readouterr().err
    rewrite(SUBMISSIONS / "half", data="0ther")
    assert main(["merge", "base", str(SUBMISSIONS / "half")]) == 2
    assert "half cannot stand beside these runs: data of digits_vit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "name", "said"),
    [
        ("sr_ste", "other", "a submission is one file"),
        ("nowhere.py:Half", "other", "a submission is one file"),
        ("mine.py:Half", "../other", "small letters, digits and _ make a name"),
        ("mine.py:Half", "sr_ste", "the name 'sr_ste' is taken"),
        ("mine.py:Half", "half", "the name 'half' is taken"),
        ("mine.py:Nobody", "other", "Nobody"),
    ],
)
def test_what_is_no_submission_is_refused(
    checkout: Path, recipe: str, name: str, said: str
) -> None:
    (checkout / "mine.py").write_text(RECIPE)
    with pytest.raises(UserError, match=said):
        prepare("base", recipe, name=name, by="A. Person")
    assert not (SUBMISSIONS / "other").exists() and not (checkout / "other").exists()


def test_a_folder_without_a_submission_is_refused(checkout: Path) -> None:
    with pytest.raises(UserError, match=r"holds no submission\.yaml"):
        broken(Path("results/base"))
    edit(SUBMISSIONS / "half/submission.yaml", more=1)
    with pytest.raises(UserError, match="must have the keys by and experiment"):
        broken()


def test_a_column_that_the_experiment_has_is_refused(checkout: Path) -> None:
    config = SUBMISSIONS / "half/half.yaml"
    edit(config, recipes={"half": {"recipe": "recipe.py:Half", "label": "SR-STE"}})
    select(config, trials=4)
    assert main(["merge", "base", str(SUBMISSIONS / "half")]) == 2
    assert any("labeled 'SR-STE'" in text for text in broken().values())


def test_the_name_of_an_experiment_is_taken(checkout: Path) -> None:
    (checkout / "mine.py").write_text(RECIPE)
    Path("configs/zoo.yaml").touch()
    with pytest.raises(UserError, match="'zoo' is taken"):
        prepare("base", "mine.py:Half", name="zoo", by="A. Person")


def test_a_submission_that_is_there_is_not_another(checkout: Path) -> None:
    folder = SUBMISSIONS / "half"
    (checkout / "mine.py").write_text(RECIPE)
    check_same("base", "mine.py:Half", folder=folder, by="A. Person")
    (checkout / "mine.py").write_text(RECIPE + "# changed\n")
    for recipe, by in (("mine.py:Half", "A. Person"), (f"{folder}/recipe.py:Half", "B. Person")):
        with pytest.raises(UserError, match="a submission of another recipe"):
            check_same("base", recipe, folder=folder, by=by)


@pytest.mark.slow
@pytest.mark.parametrize("about", sorted((ROOT / SUBMISSIONS).glob("*/submission.yaml")), ids=str)
def test_what_was_submitted_keeps_the_rules(about: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = examine(about.parent.relative_to(ROOT), Path("results/committed"))
    assert {f.law: f.broken for f in found if not f.holds} == {}
