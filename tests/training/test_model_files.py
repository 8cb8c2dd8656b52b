"""The model that a run leaves: strictly N:M, and loaded without this package."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file
from support.compare import assert_nm
from support.helpers import tiny_spec
from support.texts import NUMBERS, SMALL
from torch import nn

from pgf.experiments.settings import TaskSettings
from pgf.recipes import NMPattern
from pgf.sparsity import read_layers
from pgf.training.loop import train
from pgf.training.model_files import save_model
from pgf.training.outcome import write_outcome
from pgf.training.run_state import Run


def finished(tmp_path: Path, **training: Any) -> Run:
    run = train(Run.make(tiny_spec("mdgf_linear", keep="model", **training)))
    write_outcome(run, tmp_path)
    return run


@pytest.mark.parametrize("training", [{}, {"ema_decay": 0.5}])
def test_a_run_leaves_what_it_was_evaluated_with(tmp_path: Path, training: dict[str, Any]) -> None:
    run = finished(tmp_path, **training)
    weights = load_file(tmp_path / "model/model.safetensors")
    assert_nm(weights["blocks.0.mlp.fc1.weight"], NMPattern(1, 4))
    run.model.load_state_dict(weights)
    values = run.task.evaluate(run.model.eval(), run.splits)
    assert values == run.evaluations[-1].values


def test_nothing_is_left_unless_it_is_asked_for(tmp_path: Path) -> None:
    write_outcome(train(Run.make(tiny_spec("ste"))), tmp_path)
    assert not (tmp_path / "model").exists()


def test_keeping_the_model_changes_no_fingerprint() -> None:
    assert tiny_spec("ste", keep="model").fingerprint() == tiny_spec("ste").fingerprint()


def strict_layers(model: nn.Module) -> int:
    layers = [b for b in read_layers(model).prunable if b.role == "FF"]
    for block in layers:
        assert_nm(block.view(block.weight.detach()), NMPattern(1, 4))
    return len(layers)


def test_a_model_of_timm_is_loaded_by_timm(tmp_path: Path) -> None:
    run = finished(tmp_path)
    small = {"embed_dim": 16, "depth": 1, "num_heads": 2, "img_size": 32}
    run.model = timm.create_model("vit_tiny_patch16_224", num_classes=3, **small)
    run.sparsifier.masters, run.sparsifier.effective, run.sparsifier.layers = {}, {}, []
    save_model(run, tmp_path)
    loaded = timm.create_model(f"local-dir:{tmp_path}/model", pretrained=True)
    for name, value in run.model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


def test_a_model_of_transformers_is_loaded_by_transformers(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    spec = tiny_spec("sr_ste", keep="model")
    options = {**SMALL, **NUMBERS["number_words_encdec"]}
    task = TaskSettings(name="words", kind="number_words_encdec", options=options)
    run = train(Run.make(replace(spec, task=task)))
    write_outcome(run, tmp_path)
    loaded = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "model")
    assert strict_layers(loaded) == 4
