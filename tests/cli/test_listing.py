"""`pgf list`: everything that can be named, in a line."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT

from pgf.__main__ import main
from pgf.cli.listing import head_sentence
from pgf.experiments.config import CONFIGS, load_experiment
from pgf.recipes import RECIPES
from pgf.tasks import TASKS


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    assert main(["list", *arguments]) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]


def test_recipes_are_listed_with_their_labels(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, "recipes")
    assert [words[0] for words in lines] == list(RECIPES)
    assert all((RECIPES[words[0]].label or "") in " ".join(words[1:]) for words in lines)


def test_tasks_are_listed_with_a_few_words(capsys: pytest.CaptureFixture[str]) -> None:
    lines = listed(capsys, "tasks")
    assert [words[0] for words in lines] == list(TASKS)
    assert all(len(words) > 3 for words in lines)


def test_experiments_are_listed_with_the_number_of_their_runs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = listed(capsys, "experiments")
    assert [words[0] for words in lines] == sorted(path.stem for path in CONFIGS.glob("*.yaml"))
    assert not any("configs/" in " ".join(words) for words in lines), "none is wrong"
    (smoke,) = (words for words in lines if words[0] == "smoke")
    assert int(smoke[1]) == len(load_experiment("smoke").runs())
    assert "recipes and baselines for a few steps" in " ".join(smoke)


def test_a_config_that_is_wrong_is_a_line_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/bad.yaml").write_text("name: other\n")
    monkeypatch.chdir(tmp_path)
    ((name, *words),) = listed(capsys, "experiments")
    assert name == "bad" and "configs/bad.yaml" in " ".join(words)


@pytest.mark.parametrize(
    ("head", "sentence"),
    [
        ("# One thing,\n# in two lines. And more.\nname: x", "One thing, in two lines"),
        ("# ResNet-50 at 3.5: Figure 3.\n#\n# More.\n", "ResNet-50 at 3.5"),
        ("name: x\n", ""),
    ],
)
def test_the_head_of_a_config_is_its_first_sentence(
    head: str, sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(head)
    assert head_sentence(path) == sentence


def test_a_list_without_tasks_imports_no_torch() -> None:
    code = "import sys, pgf.__main__ as m; m.main(['list']); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
