"""What the documents say is what the code and the results are."""

import re
import subprocess
from pathlib import Path

import pytest
from support import ROOT

from pgf.analysis.readme import documents, results_block, with_block
from pgf.cli import COMMANDS
from pgf.errors import UserError
from pgf.experiments.config import CONFIGS, load_experiment
from pgf.recipes import RECIPES

README = (ROOT / "README.md").read_text(encoding="utf-8")


def is_changed(path: str) -> bool:
    command = ["git", "status", "--porcelain", "--", path]
    return bool(subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout)


def experiments_shown() -> list[str]:
    pages = (path.parent.name for path in (ROOT / "results").glob("*/README.md"))
    return ["laptop", *sorted(pages)]


@pytest.mark.parametrize("name", experiments_shown())
def test_documents_show_the_committed_results(name: str) -> None:
    if is_changed(f"results/{name}"):
        pytest.skip(f"results/{name} is not as committed")
    block = results_block(load_experiment(name), ROOT / "results")
    for path in documents(name, ROOT / "results"):
        text = path.read_text(encoding="utf-8")
        assert with_block(text, name, block) == text


def test_an_experiment_that_no_document_shows_is_refused() -> None:
    with pytest.raises(UserError, match=r"neither README.md nor .*smoke/README.md has a block"):
        documents("smoke", ROOT / "results")


def test_the_readme_lists_every_recipe() -> None:
    section = README.split("## Recipes")[1].split("## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.M)) == set(RECIPES)


@pytest.mark.parametrize("part", ["vision", "language"])
def test_the_readme_names_only_experiments_that_there_are(part: str) -> None:
    section = README.split(f"## The paper's {part} set-ups")[1].split("## ")[0]
    first = re.findall(r"^\| (`.*?) \|", section, re.M)
    names = [name for cell in first for name in re.findall(r"`(\w+)`", cell)]
    assert names and set(names) <= {path.stem for path in CONFIGS.glob("*.yaml")}


def test_the_readme_names_only_commands_that_there_are() -> None:
    assert set(re.findall(r"python -m pgf (\w+)", README)) <= set(COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_links_to_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_begins_with_its_command(path: Path) -> None:
    head = path.read_text(encoding="utf-8").split("name:")[0]
    command = (
        "make reproduce" if path.stem == "laptop" else f"make EXPERIMENT={path.stem} reproduce"
    )
    assert command in head
    assert re.search(r"minute|hour", head)


def test_the_recipe_of_the_readme_can_be_registered_and_ends_at_its_target(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgf.recipes import find_recipe
    from pgf.recipes.patterns import NMPattern

    source = re.search(r"```python\n(# gentle\.py\n.*?)```", README, re.S)
    assert source is not None
    (tmp_path / "gentle.py").write_text(source[1])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = find_recipe("gentle:Gentle")(dense=0.05, fine_tune=0.3)
    phases = [recipe.phase(step, 40, pattern=NMPattern(1, 8)) for step in range(40)]
    assert [p.mask_decay for p in phases[2:5]] == pytest.approx([1.0, 0.998, 0.993], abs=1e-3)
    assert phases[-1].pattern == NMPattern(1, 8)
    assert phases[-1].mask_decay == 0.0
