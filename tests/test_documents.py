"""Documents agree with the code and with the results."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support import ROOT
from test_imports import MAY_IMPORT

from pgf.analysis.page.page import write_page
from pgf.analysis.picture import FILE, picture
from pgf.analysis.results import context_of
from pgf.cli import COMMANDS
from pgf.experiments.config import CONFIGS, load_experiment
from pgf.recipes import RECIPES

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETUPS = (ROOT / "configs/README.md").read_text(encoding="utf-8")
ROOMS = (ROOT / "pgf/README.md").read_text(encoding="utf-8")
ZOO = ROOT / "pgf/recipes/zoo/README.md"
PAGES = [
    "pgf/recipes/zoo/README.md",
    *("README.md", "CONTRIBUTING.md", "configs/README.md", "pgf/README.md", "results/README.md"),
    *(
        "workflow/README.md",
        "workflow/profiles/slurm/README.md",
        "results/committed/laptop/README.md",
    ),
]
MOST_WORDS = 1300


def is_changed(path: str) -> bool:
    command = ["git", "status", "--porcelain", "--", path]
    return bool(subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout)


def experiments_shown() -> list[str]:
    pages = (path.parent.name for path in (ROOT / "results/committed").glob("*/README.md"))
    return sorted(name for name in pages if (ROOT / "configs" / f"{name}.yaml").is_file())


@pytest.mark.parametrize("name", experiments_shown())
def test_pages_are_made_of_the_committed_results(name: str, tmp_path: Path) -> None:
    if is_changed(f"results/committed/{name}"):
        pytest.skip(f"results/committed/{name} is not as committed")
    experiment, folder = load_experiment(name), tmp_path / name
    context = context_of(experiment, ROOT / "results/committed")
    made = write_page(context, folder, is_tuned=experiment.tuning is not None)
    committed = ROOT / "results/committed" / name / "README.md"
    assert made.read_text(encoding="utf-8") == committed.read_text(encoding="utf-8")


def test_the_config_of_the_evidence_section_loads(tmp_path: Path) -> None:
    block = re.search(r"## Evidence.*?```yaml\n(.*?)```", SETUPS, re.S)
    assert block
    rest = "name: file\ntargets: ['1:4(FF)']\n"
    rest += "training: {steps: 300, batch_size: 32, learning_rate: 0.01}\n"
    (tmp_path / "file.yaml").write_text(rest + block[1], encoding="utf-8")
    experiment = load_experiment(str(tmp_path / "file.yaml"), tuned=False)
    assert experiment.roles() == {"sr_ste_dense_start": "sr_ste_10k"} and experiment.evidence


def test_the_readme_lists_every_recipe() -> None:
    section = README.split("## Recipes")[1].split("## ")[0]
    elsewhere = set(re.findall(r"^\| `(\w+)` \|", ZOO.read_text(encoding="utf-8"), re.M))
    assert elsewhere == {path.stem for path in ZOO.parent.glob("*.py")} - {"__init__"}
    listed = set(re.findall(r"^\| `(\w+)` \|", section, re.M))
    assert listed | elsewhere == set(RECIPES) and not listed & elsewhere


def test_times_and_memory_of_the_zoo_are_those_measured() -> None:
    measured = ROOT / "results/committed/bench/amd-epyc-2-cores.json"
    lines = json.loads(measured.read_text(encoding="utf-8"))["parts"]["zoo"]["lines"]
    ratios = {line["what"]: f"{line['ratio']:.2f}" for line in lines}
    rows = [line for line in ZOO.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for row in rows:
        name, *_, time, memory = (cell.strip(" `") for cell in row.strip("|").split("|"))
        assert [time, memory] == [ratios.get(f"{name}, {k}", "") for k in ("time", "memory")], name


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


def test_every_experiment_stands_in_the_page_of_set_ups() -> None:
    rows = re.findall(r"^\| (`.*?) \|", SETUPS, re.M)
    names = {name for cell in rows for name in re.findall(r"`(\w+)`", cell)}
    twins = {name for name in names if (CONFIGS / f"{name}_advised.yaml").is_file()}
    there = {path.stem for path in CONFIGS.glob("*.yaml")}
    assert names | {f"{name}_advised" for name in twins} == there


def walks() -> dict[str, list[str]]:
    """Return the files of each walk, in its order."""
    parts = re.split(r"^## Walk \d: ", ROOMS, flags=re.M)[1:]
    return {
        part.partition("\n")[0]: re.findall(r"^\d+\. `([\w/.]+)`", part, re.M) for part in parts
    }


def test_the_three_walks_are_short_and_their_files_are_there() -> None:
    lengths = [len(files) for files in walks().values()]
    assert all(found <= most for found, most in zip(lengths, (10, 12, 9), strict=True))
    for files in walks().values():
        wrong = [f for f in files if not (ROOT / "pgf" / f).is_file() and not (ROOT / f).is_file()]
        assert not wrong


def test_the_rooms_of_the_page_may_import_what_it_says() -> None:
    said = dict(re.findall(r"^- \*\*(\w+)\*\* <- ([\w, ]+)\.", ROOMS, re.M))
    assert list(said) == list(MAY_IMPORT)
    named = {room: set(re.findall(r"\w+", text)) & set(MAY_IMPORT) for room, text in said.items()}
    assert all(named[room] <= set(MAY_IMPORT[room]) for room in said)


def test_the_picture_of_the_recipes_is_drawn_by_the_recipes_of_today() -> None:
    assert FILE.as_posix() in README
    assert (ROOT / FILE).read_bytes() == picture()


def test_the_readme_names_only_commands_that_there_are() -> None:
    assert set(re.findall(r"(?:python -m|bin/)?\bpgf (?=[a-z])(\w+)`", README)) <= set(COMMANDS)


@pytest.mark.parametrize("name", PAGES)
def test_every_file_that_a_document_links_to_is_there(name: str) -> None:
    page = ROOT / name
    found = re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
    links = [link for link in found if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


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
