"""Packed files: what is damaged, foreign or of another model is refused in a sentence."""

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from support.packed import sparse_weight
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.inference import load, pack, save, save_tensors
from pgf.inference.reading import read

Change = Callable[[dict[str, Tensor], dict[str, Any]], object]


def model() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(32, 24), nn.LayerNorm(24))
    made[0].weight.data = sparse_weight("2:8", rows=24, groups=4)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save(model(), tmp_path / "packed.safetensors")
    return tmp_path / "packed.safetensors"


def rewrite(path: Path, change: Change) -> None:
    with safe_open(str(path), framework="pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    weights = json.loads(metadata["weights"])
    change(tensors, weights)
    save_file(tensors, str(path), metadata={**metadata, "weights": json.dumps(weights)})


def set_tensor(name: str, value: Callable[[Tensor], Tensor]) -> Change:
    def change(tensors: dict[str, Tensor], weights: dict[str, Any]) -> None:
        tensors[name] = value(tensors[name])

    return change


def without(name: str) -> Change:
    def change(tensors: dict[str, Tensor], weights: dict[str, Any]) -> None:
        del tensors[name]

    return change


def set_entry(key: str, value: Any) -> Change:
    def change(tensors: dict[str, Tensor], weights: dict[str, Any]) -> None:
        weights["0.weight"][key] = value

    return change


def set_part(key: str, value: Any) -> Change:
    def change(tensors: dict[str, Tensor], weights: dict[str, Any]) -> None:
        weights["0.weight"]["parts"][0][key] = value

    return change


INDICES, VALUES = "0.weight.indices.0", "0.weight.values.0"
DAMAGES: dict[str, tuple[Change, str]] = {
    "indices too large": (
        set_tensor(INDICES, lambda t: torch.full_like(t, 0xFF)),
        "0.weight has indices that do not rise within 2:8",
    ),
    "indices twice": (set_tensor(INDICES, torch.zeros_like), "indices that do not rise within"),
    "too few indices": (set_tensor(INDICES, lambda t: t[:-1]), r"0.weight.indices.0 is \(95,\)"),
    "values of integers": (set_tensor(VALUES, lambda t: t.int()), "0.weight.values.0 is"),
    "too few values": (set_tensor(VALUES, lambda t: t[1:]), r"values.0 is \(23, 8\)"),
    "no values": (without(VALUES), "0.weight.values.0 is not in it"),
    "another pattern": (set_part("pattern", "1:16"), r"0.weight.values.0 is \(24, 8\)"),
    "no pattern": (set_part("pattern", None), "0.weight.dense.0 is not in it"),
    "nonsense as pattern": (set_part("pattern", "9:4"), "0.weight: "),
    "too long a group": (set_part("pattern", "1:512"), "cannot have the pattern 1:512 at 32"),
    "too many rows": (set_part("rows", 10**9), r"values.0 is \(24, 8\), .* not \(1000000000"),
    "rows below zero": (set_part("rows", -24), r"values.0 is .* not \(-24"),
    "another shape": (set_entry("shape", [12, 64]), r"values.0 is .* not \(24, 16\)"),
    "an axis too few": (set_entry("shape", [24]), "0.weight has the shape"),
    "an order of other axes": (set_entry("order", [0, 2]), "and the order"),
    "no parts": (set_entry("parts", []), "0.weight has no block with a pattern"),
    "no part with a pattern": (
        lambda t, w: (
            w["0.weight"].update(parts=[{"rows": 24, "pattern": None}]),
            t.update({"0.weight.dense.0": torch.ones(24, 32)}),
        ),
        "0.weight has no block with a pattern",
    ),
    "a shape without end": (set_entry("shape", [1e999, 8]), "cannot convert float infinity"),
    "values of 8 bits": (
        set_tensor(VALUES, lambda t: t.to(torch.float8_e4m3fn)),
        "0.weight.values.0 is",
    ),
    "parts that are none": (set_entry("parts", 3), "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused_and_the_model_unchanged(damage: str, path: Path) -> None:
    change, message = DAMAGES[damage]
    rewrite(path, change)
    own = model()
    before = {name: value.clone() for name, value in own.state_dict().items()}
    with pytest.raises(UserError, match=r"packed\.safetensors is damaged: "):
        load(own, path)
    with pytest.raises(UserError, match=message):
        read(path)
    assert type(own[0]) is nn.Linear
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items())


def test_every_cut_is_refused(path: Path) -> None:
    whole = path.read_bytes()
    for length in (*range(0, 200, 7), len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match="cannot be read as safetensors"):
            read(path)


def test_other_files_are_refused(path: Path) -> None:
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UserError, match="cannot be read as safetensors"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"x")
    with pytest.raises(UserError, match="cannot be read as safetensors"):
        read(path)
    save_file({"a": torch.ones(2)}, str(path))
    with pytest.raises(UserError, match="is not a packed model: its metadata do not say"):
        read(path)
    with pytest.raises(UserError, match="is not there"):
        read(path.with_name("nowhere"))


def test_bytes_that_change_are_refused_or_read_within_bounds(path: Path) -> None:
    whole = path.read_bytes()
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        at = int(torch.randint(len(whole), (), generator=generator))
        byte = int(torch.randint(256, (), generator=generator))
        path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
        try:
            file = read(path)
        except UserError:
            continue
        for weight in file.packed.values():
            assert weight.dense().shape == weight.shape


def test_another_model_is_refused(path: Path) -> None:
    for other, message in (
        (nn.Sequential(nn.Linear(32, 24)), "has 1.bias, which the model has not"),
        (nn.Sequential(nn.Linear(32, 24), nn.LayerNorm(24), nn.ReLU(), nn.Linear(1, 1)), "no 3."),
        (nn.Sequential(nn.Linear(32, 12), nn.LayerNorm(24)), r"0.weight is \(24, 32\), and \(12"),
    ):
        with pytest.raises(UserError, match=message):
            load(other, path)


def test_experts_convolutions_and_shared_tensors_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "packed.safetensors"
    experts = sparse_weight("1:8", rows=12, groups=4).view(3, 4, 32)
    filters = sparse_weight("1:16", rows=36, groups=1).view(4, 3, 3, 16).permute(0, 3, 1, 2)
    state = {
        "experts": experts.transpose(1, 2),
        "filters": filters,
        "plain": torch.randn(5, 5),
        "count": torch.tensor(3),
    }
    state["again"] = state["plain"]
    sizes = save_tensors(state, path)
    file = read(path)
    assert set(file.packed) == {"experts", "filters"} and file.aliases == {"again": "plain"}
    for name, weight in file.packed.items():
        assert torch.equal(weight.dense(), state[name])
    assert torch.equal(file.plain["plain"], state["plain"]) and file.plain["count"] == 3
    assert [layer.name for layer in sizes.layers] == ["experts", "filters"]
    assert sizes.dense == sum(state[name].nbytes for name in state if name != "again")
    assert "experts  1:8  0.00154 MB -> 0.000216 MB, 7.1 times less" in str(sizes)


def test_tied_weights_reach_a_model_that_does_not_tie_them(path: Path) -> None:
    def made() -> nn.ModuleDict:
        return nn.ModuleDict({"a": nn.Linear(32, 24), "b": nn.Linear(32, 24)})

    tied = made()
    tied["a"].weight.data = sparse_weight("1:8", rows=24, groups=4)
    tied["b"].weight = tied["a"].weight
    save(tied, path)
    other, inputs = load(made(), path), torch.randn(3, 32)
    torch.testing.assert_close(other["b"](inputs), tied["b"](inputs))


def test_a_packed_model_takes_a_file_of_other_patterns(path: Path) -> None:
    packed = nn.Sequential(nn.Linear(32, 24), nn.LayerNorm(24))
    packed[0].weight.data = sparse_weight("1:16", rows=24, groups=2)
    pack(packed)
    inputs = torch.randn(2, 32)
    assert torch.equal(load(packed, path)(inputs), load(model(), path)(inputs))


def test_eight_bit_floats_are_stored_as_they_are(path: Path) -> None:
    weight = sparse_weight("1:8", rows=8, groups=4).to(torch.float8_e4m3fn)
    save_tensors({"a": weight}, path)
    assert torch.equal(read(path).plain["a"].float(), weight.float())


def test_a_model_without_memory_keeps_its_dtype(path: Path) -> None:
    with torch.device("meta"):
        empty = nn.Sequential(nn.Linear(32, 24), nn.LayerNorm(24)).bfloat16()
    assert {t.dtype for t in load(empty, path).state_dict().values()} == {torch.bfloat16}


def test_a_model_without_memory_takes_the_file(path: Path) -> None:
    with torch.device("meta"):
        empty = nn.Sequential(nn.Linear(32, 24), nn.LayerNorm(24))
    inputs = torch.randn(2, 32)
    assert torch.equal(load(empty, path)(inputs), load(model(), path)(inputs))


def test_the_widest_groups_come_back(tmp_path: Path) -> None:
    made = nn.Sequential(nn.Linear(512, 8))
    made[0].weight.data = sparse_weight("1:256", rows=8, groups=2)
    save(made, tmp_path / "wide.safetensors")
    other = load(nn.Sequential(nn.Linear(512, 8)), tmp_path / "wide.safetensors")
    assert torch.equal(other.state_dict()["0.weight"], made[0].weight)


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises((UserError, OSError)):
        save(model(), tmp_path / "there")
    with pytest.raises(UserError, match=r"packed.safetensors cannot be written"):
        save(model(), tmp_path / "nowhere" / "packed.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
