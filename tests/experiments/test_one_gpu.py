"""The experiment for one GPU: planned, counted, and two steps of each of its tasks."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from support.configs import as_untuned
from support.setups import check_trained, images_as_on_the_hub, shortened
from support.texts import translations, write_parquet

from pgf.__main__ import main

TASKS = ("pictures", "stories", "translation")
STORY = "Once upon a time a small bird sat in a tall tree and sang. "


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Return options of each task by which it has a few samples of its own kind."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    pictures, stories = tmp_path / "pictures", tmp_path / "stories"
    pictures.mkdir()
    images_as_on_the_hub(pictures, image="img", classes=10, test="test")
    write_parquet(stories, {name: {"text": [STORY * 40] * 40} for name in ("train", "validation")})
    write_parquet(tmp_path / "pairs", translations(16))
    return {
        "pictures": {"path": str(pictures), "workers": 0},
        "stories": {"hub": None, "path": str(stories), "vocabulary": 300},
        "translation": {"path": str(tmp_path / "pairs")},
    }


@pytest.mark.parametrize("task", TASKS)
def test_each_task_trains(task: str, data: dict[str, dict[str, Any]]) -> None:
    runs = as_untuned("one_gpu").runs()
    spec = next(r for r in runs if r.task.name.startswith(task) and r.recipe.name == "mdgf_linear")
    check_trained(shortened(spec, data[task]))


@pytest.fixture
def config(data: dict[str, dict[str, Any]], tmp_path: Path) -> Path:
    """Return the experiment's file with the samples at hand, short and untuned."""
    values = yaml.safe_load(Path("configs/one_gpu.yaml").read_text(encoding="utf-8"))
    for name, options in data.items():
        values["tasks"][name].setdefault("options", {}).update(options)
        values["tasks"][name]["training"]["batch_size"] = 4
        values["tasks"][name]["lengths"] = [2, 4, 8]
    del values["evidence"], values["tuning"]
    path = tmp_path / "one_gpu.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.long
def test_it_is_planned_and_counted(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(config)]) == 0, capsys.readouterr().err
    assert "1:32 (FF+QKV+O)" in capsys.readouterr().out
    assert main(["hours", str(config), "--tflops", "100"]) == 0, capsys.readouterr().err
    assert "one_gpu" in capsys.readouterr().out
