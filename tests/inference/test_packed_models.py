"""Models with packed layers: outputs, states and what stays dense."""

import copy
import logging

import pytest
import torch
from support.packed import assert_product, sparse_weight
from torch import Tensor, nn
from transformers import AutoModel, BertConfig, GPT2Config, LlamaConfig, T5Config
from transformers.pytorch_utils import Conv1D

import pgf
from pgf.errors import UserError
from pgf.inference import PackedLinear, load, pack, save
from pgf.recipes import NMPattern
from pgf.sparsity import nm_mask

CONFIGS = {
    "gpt2": (GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=50), "1:8(FF+QKV+O)"),
    "bert": (
        BertConfig(
            num_hidden_layers=2, hidden_size=32, num_attention_heads=2, intermediate_size=64,
            vocab_size=50,
        ),
        "1:16(FF)+1:4(QKV)",
    ),
    "llama": (
        LlamaConfig(
            num_hidden_layers=2, hidden_size=32, num_attention_heads=2, intermediate_size=64,
            vocab_size=50,
        ),
        "1:4(FF+QKV+O)",
    ),
    "t5": (T5Config(num_layers=2, d_model=32, num_heads=2, d_ff=64, vocab_size=50), "1:32(FF)"),
}  # fmt: skip


def finished(model: nn.Module, target: str) -> nn.Module:
    """Return a model whose layers are strictly at a target."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    pgf.attach(model, optimizer, target=target, recipe="ste", total_steps=1).finish()
    return model.eval()


def tiny(kind: str) -> nn.Module:
    torch.manual_seed(0)
    config, target = CONFIGS[kind]
    return finished(AutoModel.from_config(config), target)


def finished_by_hand(layers: nn.Sequential) -> nn.Sequential:
    """Return linear layers at 1:8."""
    for layer in layers:
        assert isinstance(layer, nn.Linear)
        layer.weight.data *= nm_mask(layer.weight.detach(), NMPattern(1, 8))
    return layers.eval()


def outputs(model: nn.Module) -> Tensor:
    tokens = torch.arange(14).view(2, 7)
    more = {"decoder_input_ids": tokens} if "T5" in type(model).__name__ else {}
    with torch.inference_mode():
        found: Tensor = model(input_ids=tokens, **more).last_hidden_state
    return found


def packed_layers(model: nn.Module) -> list[str]:
    return [name for name, layer in model.named_modules() if isinstance(layer, PackedLinear)]


@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_models_compute_what_dense_ones_do(kind: str) -> None:
    model = tiny(kind)
    expected, state = outputs(model), model.state_dict()
    dense = copy.deepcopy(model)
    assert pack(model) is model and len(packed_layers(model)) >= 4
    torch.testing.assert_close(outputs(model), expected, rtol=1e-4, atol=1e-5)
    assert list(model.state_dict()) == list(state)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    dense.load_state_dict(model.state_dict())
    again = outputs(model)
    model.load_state_dict(state)
    assert torch.equal(outputs(model), again)


def test_blocks_of_a_fused_weight_are_packed_each_in_its_pattern() -> None:
    q, k, v = sparse_weight("1:16", rows=32, groups=2), torch.randn(32, 32), torch.zeros(32, 32)
    v[:, ::2] = sparse_weight("1:2", rows=32, groups=8)
    model = nn.Sequential(nn.Linear(32, 96))
    model[0].weight.data = torch.cat([q, k, v])
    bias, inputs = model[0].bias.detach().clone(), torch.randn(5, 32)
    pack(model)
    assert "1:16, dense, 1:4" in repr(model[0])
    assert_product(model(inputs), torch.cat([q, k, v]), inputs, bias)


def test_dtypes_follow_the_model() -> None:
    model = nn.Sequential(nn.Linear(32, 24), nn.Tanh(), nn.Linear(24, 4))
    model[0].weight.data = sparse_weight("1:8", rows=24, groups=4)
    inputs = torch.randn(3, 32)
    expected = pack(model)(inputs)
    for dtype, places in ((torch.bfloat16, 3e-2), (torch.float16, 3e-3), (torch.float64, 1e-5)):
        moved = copy.deepcopy(model).to(dtype)
        found = moved(inputs.to(dtype))
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), expected, rtol=places, atol=places)


def test_what_torch_reads_itself_stays_dense(caplog: pytest.LogCaptureFixture) -> None:
    layer = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
    model = nn.ModuleDict({"a": nn.Linear(32, 32), "b": layer, "tied": nn.Linear(32, 32)})
    model["again"] = nn.Linear(32, 32)
    model["again"].weight = model["tied"].weight
    with torch.no_grad():
        for weight in (model["a"].weight, model["tied"].weight, layer.linear1.weight):
            weight.copy_(sparse_weight("1:8", rows=len(weight), groups=4))
    with caplog.at_level(logging.WARNING):
        pack(model)
    assert packed_layers(model) == ["a"]
    assert "2 N:M layers stay dense: their weights are in two places" in caplog.text
    assert "1 N:M layers stay dense: TransformerEncoderLayer reads their weights" in caplog.text


class Doubled(nn.Linear):
    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * super().forward(inputs)


def test_layers_that_compute_something_else_stay_dense(caplog: pytest.LogCaptureFixture) -> None:
    model = nn.ModuleList([nn.Linear(32, 8), nn.Linear(32, 8), Doubled(32, 8), TwiceConv(8, 32)])
    model[0].forward = lambda inputs: inputs  # type: ignore[method-assign]
    model[1]._hf_hook = object()  # type: ignore[assignment]
    with torch.no_grad():
        for own in model:
            weight = sparse_weight("1:8", rows=8, groups=4)
            own.weight.copy_(weight.t() if isinstance(own, Conv1D) else weight)
    with caplog.at_level(logging.WARNING):
        pack(model)
    assert packed_layers(model) == []
    for said in ("Linear has a forward", "they have hooks", "Doubled has a", "TwiceConv has a"):
        assert said in caplog.text


class TwiceConv(Conv1D):
    def forward(self, inputs: Tensor) -> Tensor:
        return 2 * super().forward(inputs)


def test_torchs_fused_layers_stay_dense_as_models_too() -> None:
    model = nn.TransformerEncoderLayer(32, 2, 64, batch_first=True)
    with torch.no_grad():
        model.linear1.weight.copy_(sparse_weight("1:8", rows=64, groups=4))
    assert packed_layers(pack(model)) == []


def test_nothing_to_pack_is_said() -> None:
    with pytest.raises(UserError, match="no linear layer of the model keeps half or less"):
        pack(nn.Sequential(nn.Linear(8, 8)))


def test_without_kernels_layers_stay_dense_unless_told_otherwise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def made() -> nn.Module:
        model = nn.Sequential(nn.Linear(32, 24))
        model[0].weight.data = sparse_weight("1:8", rows=24, groups=4)
        return model.double()

    with caplog.at_level(logging.WARNING):
        assert not packed_layers(pack(made()))
    assert "1 N:M layers stay dense: no kernel for float64 on cpu here" in caplog.text
    inputs = torch.randn(2, 32).double()
    model = made()
    expected = model(inputs)
    assert packed_layers(pack(model, every=True)) == ["0"]
    torch.testing.assert_close(model(inputs), expected)


def test_a_small_layer_stays_dense_unless_told_otherwise(
    sizes_that_pay: int, caplog: pytest.LogCaptureFixture
) -> None:
    def made(weights: int) -> nn.Sequential:
        layers = nn.Sequential(nn.Linear(64, weights // 64), nn.Linear(weights // 64, 64))
        return finished_by_hand(layers)

    assert packed_layers(pack(made(sizes_that_pay))) == ["0", "1"]
    with caplog.at_level(logging.WARNING):
        assert packed_layers(pack(made(sizes_that_pay - 2048))) == []
    assert "2 N:M layers stay dense: they have fewer than 32,768 weights" in caplog.text
    assert packed_layers(pack(made(sizes_that_pay - 2048), every=True)) == ["0", "1"]


def test_what_is_no_faster_stays_dense_unless_told_otherwise(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = nn.Sequential(nn.Linear(32, 24))
    model[0].weight.data = sparse_weight("2:4", rows=24, groups=8)
    with caplog.at_level(logging.WARNING):
        assert not packed_layers(pack(model))
    assert "1 N:M layers stay dense: more than a quarter of their weights is kept" in caplog.text
    assert packed_layers(pack(model, every=True)) == ["0"]


def test_a_state_that_is_not_n_m_is_refused_and_changes_nothing() -> None:
    model = nn.Sequential(nn.Linear(32, 24))
    model[0].weight.data = sparse_weight("1:8", rows=24, groups=4)
    state = {"0.weight": torch.ones(24, 32), "0.bias": torch.ones(24)}
    pack(model)
    before = model[0].weight
    with pytest.raises(RuntimeError, match=r"0\.weight: a weight that is to be packed as 1:8"):
        model.load_state_dict(state)
    assert torch.equal(model[0].weight, before)
    half = torch.cat([sparse_weight("1:8", rows=12, groups=4, seed=5), torch.ones(12, 32)])
    with pytest.raises(RuntimeError, match="keeps more in a group"):
        model.load_state_dict({"0.weight": half, "0.bias": torch.ones(24)})
    assert torch.equal(model[0].weight, before)
    with pytest.raises(RuntimeError, match=r"Missing key.*0\.weight"):
        model.load_state_dict({"0.bias": torch.ones(24)})


@pytest.mark.parametrize("kind", CONFIGS)
def test_files_give_the_same_model(kind: str, tmp_path: object) -> None:
    path = f"{tmp_path}/packed.safetensors"
    model = tiny(kind)
    expected = outputs(model)
    sizes = save(model, path)
    assert sizes.packed < sizes.dense
    with torch.random.fork_rng():
        torch.manual_seed(9)
        other = AutoModel.from_config(CONFIGS[kind][0])
    assert packed_layers(load(other, path)) == packed_layers(pack(model))
    torch.testing.assert_close(outputs(other), expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(outputs(other), outputs(model))
