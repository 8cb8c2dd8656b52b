"""The command `pack`: from a folder or a file to a packed one, and what it refuses."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support.packed import sparse_weight

from pgf.__main__ import main
from pgf.inference.reading import read


def kept(folder: Path) -> dict[str, torch.Tensor]:
    state = {"fc1.weight": sparse_weight("1:16", rows=64, groups=4), "fc1.bias": torch.ones(64)}
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, str(folder / "model.safetensors"))
    return state


def test_a_run_that_kept_its_model_is_packed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = kept(tmp_path / "model")
    assert main(["pack", str(tmp_path)]) == 0
    said, path = capsys.readouterr().out, tmp_path / "model" / "packed.safetensors"
    assert "fc1.weight  1:16  0.0164 MB -> 0.00115 MB, 14.2 times less" in said
    assert f"{path}: {path.stat().st_size:,} bytes" in said
    assert torch.equal(read(path).packed["fc1.weight"].dense(), state["fc1.weight"])
    assert main(["pack", str(path), "-o", str(tmp_path / "again.safetensors")]) == 2
    assert capsys.readouterr().err == f"pgf: {path} is packed already\n"


def test_a_file_is_packed_where_it_is_told(tmp_path: Path) -> None:
    kept(tmp_path)
    source, output = tmp_path / "model.safetensors", tmp_path / "small.safetensors"
    assert main(["pack", str(source), "-o", str(output)]) == 0
    assert set(read(output).plain) == {"fc1.bias"}


def test_what_cannot_be_packed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        assert main(["pack", *arguments]) == 2
        return capsys.readouterr().err

    assert f"{tmp_path} has no model.safetensors" in refused(str(tmp_path))
    (tmp_path / "record.json").write_text(json.dumps({}))
    assert "kept no model: set `training: {keep: model}` in its config, delete" in refused(
        str(tmp_path)
    )
    dense = tmp_path / "dense.safetensors"
    save_file({"fc1.weight": torch.ones(8, 8)}, str(dense))
    assert "has no weight that keeps half or less of every group" in refused(str(dense))
    assert not (tmp_path / "packed.safetensors").exists()
    (tmp_path / "packed.safetensors").write_text("of somebody else")
    refused(str(dense))
    assert (tmp_path / "packed.safetensors").read_text() == "of somebody else"
    assert load_file(str(dense))
    assert "is a folder: --output names the file" in refused(str(dense), "-o", str(tmp_path))
    assert "is the model itself" in refused(str(dense), "-o", str(dense))
    assert "is not a folder: make it first" in refused(str(dense), "-o", str(tmp_path / "a" / "b"))
    dense.write_bytes(pickle.dumps({}))
    assert "cannot be read as safetensors" in refused(str(dense))
