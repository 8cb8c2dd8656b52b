"""pyproject.toml, requirements.lock, the conda environments and the Snakefile say the same."""

import importlib.util
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OPTIONAL = PROJECT["project"]["optional-dependencies"]
LIBRARY = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
RUNTIME = [*LIBRARY, *(Requirement(text) for text in OPTIONAL["suite"])]
TOOLS = [Requirement(text) for text in PROJECT["dependency-groups"]["dev"]]
EXTRAS = [Requirement(text) for extra in OPTIONAL.values() for text in extra]
OF_RUNS = [Requirement(text) for text in OPTIONAL["phonemes"]]
BUILD = {"editables", "hatchling"}
ENVIRONMENTS = ("environment.yml", "workflow/envs/train.yaml", "workflow/envs/tables.yaml")
HEAVY = {"torch", "torchvision", "timm", "transformers", "datasets", "snakemake"}
WITHOUT_TORCH = ("recipes", "experiments", "records", "analysis")


def locked(python: str) -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text()
    pins = {}
    for name, version, marker in re.findall(r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+))?", text, re.M):
        environment = {"python_full_version": f"{python}.1", "python_version": python}
        if not marker or Marker(marker).evaluate(environment):
            pins[name] = version
    return pins


def conda(path: str) -> tuple[str, dict[str, str], list[str]]:
    """Return a conda environment's Python, its pinned packages, and its other lines for pip."""
    dependencies: list[Any] = yaml.safe_load((ROOT / path).read_text())["dependencies"]
    lines = dependencies[2]["pip"]
    pinned = dict(line.split("==") for line in lines if "==" in line)
    others = [line for line in lines if "==" not in line]
    return dependencies[0].removeprefix("python="), pinned, others


def test_every_declared_package_is_locked_at_a_version_it_allows() -> None:
    for python in ("3.11", "3.12", "3.13"):
        pins = locked(python)
        for requirement in [*RUNTIME, *TOOLS, *EXTRAS]:
            assert pins[requirement.name] in requirement.specifier, (requirement, python)


@pytest.mark.parametrize("path", ENVIRONMENTS)
def test_a_conda_environment_has_the_locked_versions(path: str) -> None:
    python, pinned, _ = conda(path)
    pins = locked(python)
    assert pinned == {name: pins[name] for name in pinned}


def test_the_conda_environments_have_what_those_who_use_them_need() -> None:
    names = {path: set(conda(path)[1]) for path in ENVIRONMENTS}
    runtime, tools = {r.name for r in [*RUNTIME, *OF_RUNS]}, {r.name for r in [*TOOLS, *EXTRAS]}
    assert names["environment.yml"] == runtime | tools
    assert names["workflow/envs/train.yaml"] == runtime | BUILD
    assert names["workflow/envs/tables.yaml"] < (runtime | BUILD) - HEAVY


def test_every_conda_environment_gets_the_package_itself() -> None:
    assert conda("environment.yml")[2] == ["-e ."]
    for path in ENVIRONMENTS[1:]:
        script = (ROOT / path).with_suffix(".post-deploy.sh").read_text()
        assert "--no-deps --no-build-isolation --editable ." in script


def test_tables_are_made_of_what_their_environment_has() -> None:
    _, pinned, _ = conda("workflow/envs/tables.yaml")
    left_out = {r.name for r in RUNTIME} - set(pinned)
    names = {"pillow": "PIL", "scikit-learn": "sklearn", "protobuf": "google.protobuf"}
    # matplotlib brings pillow.
    blocked = sorted(names.get(n, n.replace("-", "_")) for n in left_out - {"pillow"})
    assert all(importlib.util.find_spec(name) for name in blocked)
    files = [p for room in WITHOUT_TORCH for p in (ROOT / "pgf" / room).rglob("*.py")]
    modules = ", ".join(module_of(path) for path in sorted(files))
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name in {blocked!r}: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        f"import pgf.cli, {modules}, scipy.stats, matplotlib.figure"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_the_snakefile_asks_for_the_snakemake_that_the_project_asks_for() -> None:
    (snakemake,) = (r for r in RUNTIME if r.name == "snakemake")
    found = re.findall(r'^min_version\("(.+)"\)$', (ROOT / "Snakefile").read_text(), re.M)
    assert [str(snakemake.specifier)] == [f">={version}" for version in found]


def test_every_locked_package_has_a_hash_and_no_file_names_an_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[\w.-]+==)", lock)
    assert all("--hash=sha256:" in block for block in blocks)
    for name in ("requirements.lock", "pyproject.toml", *ENVIRONMENTS):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|find-links|//[\w.-]*pypi", text), name
