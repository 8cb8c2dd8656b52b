"""A record says which commit its run is of, whether code differed from it, and its machines."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from support import ROOT

from pgf.errors import UserError
from pgf.records.provenance import add_machine, commit, machine_entries, provenance, this_machine

A100 = {"node": "n1", "gpu": "A100", "torch": "2.15.0", "precision": "bfloat16", "data": "d1"}
V100 = {**A100, "node": "n2", "gpu": "V100"}


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", *names, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "pgf", tmp_path / "pgf", ignore=shutil.ignore_patterns("__py*"))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/one.yaml").write_text("name: one\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def said(folder: Path) -> dict[str, object]:
    commit.cache_clear()
    return commit(folder)


@pytest.mark.parametrize("changed", ["pgf/training/loop.py", "configs/one.yaml", "pgf/new.py"])
def test_code_or_configs_that_differ_from_the_commit_are_dirty(
    checkout: Path, changed: str
) -> None:
    head = git(checkout, "rev-parse", "HEAD").strip()
    (checkout / "results").mkdir()
    (checkout / "results/runs.csv").write_text("a result is no change\n")
    assert said(checkout) == {"commit": head, "dirty": False}
    with (checkout / changed).open("a") as file:
        file.write("# changed\n")
    assert said(checkout) == {"commit": head, "dirty": True}


def test_an_installed_package_in_somebody_elses_checkout_has_no_commit(checkout: Path) -> None:
    installed = checkout / "site-packages"
    shutil.copytree(checkout / "pgf", installed / "pgf")
    assert said(installed) == {"commit": "unknown", "dirty": False}


def test_the_checkout_that_is_asked_is_the_package_s_own() -> None:
    assert {**provenance("cpu"), **said(ROOT)} == provenance("cpu")


def test_a_record_lists_every_machine_once() -> None:
    machines = add_machine([], A100)
    for machine in (A100, V100, A100, {**A100, "node": "n3"}):
        machines = add_machine(machines, machine)
    entries = {"node": "n1 + n2 + n3", "gpu": "A100 + V100", "torch": "2.15.0"}
    assert machine_entries(machines) == entries
    assert machine_entries([A100]) == {name: A100[name] for name in ("node", "gpu", "torch")}


@pytest.mark.parametrize(("name", "value"), [("precision", "float32"), ("data", "d2")])
def test_precision_and_data_stay_what_they_were(name: str, value: str) -> None:
    with pytest.raises(UserError, match=rf"{name} \S+ on n1 \(A100\), and here, on n2 \(V100\)"):
        add_machine([A100], {**V100, name: value})


def test_a_cpu_is_no_gpu() -> None:
    machine = this_machine(torch.device("cpu"), torch.float32, "d1")
    assert machine["gpu"] is None and machine["precision"] == "float32"
    assert set(machine) == set(A100)
