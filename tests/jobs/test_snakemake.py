"""Calls of Snakemake."""

import shutil
import sys
from pathlib import Path

import pytest

from pgf.jobs.snakemake import _path


@pytest.mark.parametrize("path", ["/nowhere:/usr/bin", None])
def test_rules_find_the_python_that_runs_the_command(
    path: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if path is None:
        monkeypatch.delenv("PATH")
    else:
        monkeypatch.setenv("PATH", path)
    found = shutil.which("python", path=_path())
    assert found is not None and Path(found).parent == Path(sys.executable).parent
