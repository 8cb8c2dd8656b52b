"""The examples of the integrations' README run as they stand."""

import re
from pathlib import Path

import pytest
from support import ROOT

TEXT = (ROOT / "pgf/integrations/README.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^## (\w+)$.*?```python\n(.*?)```", TEXT, re.S | re.M))


@pytest.mark.filterwarnings("ignore")  # the trainers' own
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_as_it_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("SLURM_JOB_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[name], f"{name}.py", "exec"), {"__name__": "__main__"})


def test_every_adapter_has_an_example() -> None:
    assert set(EXAMPLES) == {"transformers", "Lightning", "Accelerate", "timm"}
