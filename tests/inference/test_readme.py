"""The example of the room's README runs as it stands."""

import re
from pathlib import Path

import pytest
from support import ROOT

(EXAMPLE,) = re.findall(
    r"```python\n(.*?)```", (ROOT / "pgf/inference/README.md").read_text(encoding="utf-8"), re.S
)


def test_the_example_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLE, "README.py", "exec"), {"__name__": "__main__"})
    assert (tmp_path / "packed.safetensors").exists()
