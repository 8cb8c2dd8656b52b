"""The folder that a submission begins with."""

from pathlib import Path

import pytest
import yaml
from support.tuning import VALUES

from pgf.experiments.config import load_experiment
from pgf.jobs.submissions import SUBMISSIONS, other_keys, prepare

RECIPE = """
from pgf.recipes.baselines import SrSte


class Mine(SrSte):
    label = "Mine"
"""


def test_it_is_there_as_a_whole_for_tasks_that_list_their_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()
    tasks = {"digits": {**VALUES["tasks"]["digits"], "recipes": list(VALUES["recipes"])}}
    base = {**VALUES, "name": "base", "tasks": tasks}
    Path("configs/base.yaml").write_text(yaml.safe_dump(base, sort_keys=False))
    Path("mine.py").write_text(RECIPE)
    left_over = SUBMISSIONS / ".mine.made"
    left_over.mkdir(parents=True)  # of a command that was killed
    (left_over / "mine.yaml").write_text("name:")
    config = prepare("base", "mine.py:Mine", name="mine", by="A. Person")
    names = {"recipe.py", "mine.yaml", "submission.yaml"}
    assert {path.name for path in config.parent.iterdir() if path.is_file()} == names
    assert not left_over.exists()
    theirs, own = (
        load_experiment(str(path), tuned=False) for path in ("configs/base.yaml", config)
    )
    assert other_keys(theirs, own) is None and list(own.recipes) == ["mine"]
