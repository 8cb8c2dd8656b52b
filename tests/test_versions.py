"""pyproject.toml, requirements.lock and environment.yml say the same."""

import re
import tomllib

import yaml
from packaging.markers import Marker
from packaging.requirements import Requirement
from support import ROOT


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    texts = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    return [Requirement(text) for text in texts]


def locked(python: str) -> dict[str, str]:
    text = (ROOT / "requirements.lock").read_text()
    pins = {}
    for name, version, marker in re.findall(r"^([\w.-]+)==(\S+)(?: ; ([^\\\n]+))?", text, re.M):
        environment = {"python_full_version": f"{python}.1", "python_version": python}
        if not marker or Marker(marker).evaluate(environment):
            pins[name] = version
    return pins


def test_every_declared_package_is_locked_at_a_version_it_allows() -> None:
    for python in ("3.11", "3.12", "3.13"):
        pins = locked(python)
        for requirement in declared():
            assert pins[requirement.name] in requirement.specifier, (requirement, python)


def test_the_conda_environment_has_the_locked_versions() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = environment["dependencies"][0].removeprefix("python=")
    pinned = dict(line.split("==") for line in environment["dependencies"][2]["pip"])
    pins = locked(python)
    assert pinned == {r.name: pins[r.name] for r in declared()}


def test_every_locked_package_has_a_hash_and_no_file_names_an_index() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    blocks = re.split(r"\n(?=[\w.-]+==)", lock)
    assert all("--hash=sha256:" in block for block in blocks)
    for name in ("requirements.lock", "pyproject.toml", "environment.yml"):
        text = (ROOT / name).read_text()
        assert not re.search(r"index-url|find-links|//[\w.-]*pypi", text), name
