"""Layers of transformers' models: what experts and fused weights do says whether they are read."""

from typing import Any

import pytest
import torch
from support.compare import assert_nm
from torch import Tensor, nn

import pgf
from pgf.errors import UserError
from pgf.recipes import NMPattern, Target
from pgf.sparsity import read_layers, select_layers

transformers = pytest.importorskip("transformers")

HIDDEN, INTER, VOCABULARY = 16, 24, 40
SMALL = {
    **{"hidden_size": HIDDEN, "vocab_size": VOCABULARY, "num_hidden_layers": 2},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 4, "pad_token_id": 0},
}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": INTER}
MIXTURES: dict[str, dict[str, Any]] = {
    "Mixtral": {"intermediate_size": INTER, "num_local_experts": 4},
    "Phimoe": {"intermediate_size": INTER, "num_local_experts": 4},
    "Qwen2Moe": {**EXPERTS, "num_experts": 4, "shared_expert_intermediate_size": INTER},
    "Qwen3Moe": {**EXPERTS, "num_experts": 4},
    "Olmoe": {"intermediate_size": INTER, "num_experts": 4, "num_experts_per_tok": 2},
    "GptOss": {
        "intermediate_size": INTER,
        "num_local_experts": 4,
        "layer_types": ["full_attention"] * 2,
    },
    "Llama4Text": {
        "intermediate_size": INTER,
        "num_local_experts": 4,
        "intermediate_size_mlp": INTER,
        "moe_layers": [0, 1],
    },
    "GraniteMoe": {"intermediate_size": INTER, "num_local_experts": 4},
    "JetMoe": {"intermediate_size": INTER, "num_local_experts": 4, "kv_channels": 4},
    "Glm4Moe": {
        **EXPERTS,
        "n_routed_experts": 4,
        "n_shared_experts": 1,
        "first_k_dense_replace": 0,
    },
    "DeepseekV3": {
        **EXPERTS,
        **{"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 0},
        **{"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4},
        **{"v_head_dim": 4, "num_key_value_heads": 4},
    },
}
"""Name in transformers -> what makes it small, with other numbers of inputs everywhere."""
FUSED: dict[str, dict[str, Any]] = {
    "GPT2": {"n_embd": HIDDEN, "n_layer": 1, "n_head": 4, "vocab_size": VOCABULARY},
    "GPTBigCode": {
        "n_embd": HIDDEN,
        "n_layer": 1,
        "n_head": 4,
        "vocab_size": VOCABULARY,
        "multi_query": True,
    },
    "Phi3": {**SMALL, "num_hidden_layers": 1, "intermediate_size": INTER},
    "ModernBert": {**SMALL, "num_hidden_layers": 1, "intermediate_size": INTER},
    "ImageGPT": {"n_embd": HIDDEN, "n_layer": 1, "n_head": 4, "vocab_size": VOCABULARY},
}
UNTOLD: dict[str, dict[str, Any]] = {
    "GPTBigCode": {"n_embd": HIDDEN, "n_layer": 1, "n_head": 4, "multi_query": False},
    "GPTNeoX": {**SMALL, "intermediate_size": INTER},
    "Bloom": {"hidden_size": HIDDEN, "n_layer": 1, "n_head": 4},
    "Falcon": {"hidden_size": HIDDEN, "num_hidden_layers": 1, "num_attention_heads": 4},
    "Persimmon": {**SMALL, "intermediate_size": INTER},
    "CodeGen": {"n_embd": HIDDEN, "n_layer": 1, "n_head": 4, "rotary_dim": 4},
    "DeepseekV3": MIXTURES["DeepseekV3"],
}


def model_of(name: str, options: dict[str, Any]) -> nn.Module:
    config = getattr(transformers, f"{name}Config")(**options)
    torch.manual_seed(0)
    with torch.no_grad():
        model: nn.Module = transformers.AutoModel.from_config(config)
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model.eval()


def mixture(name: str) -> nn.Module:
    return model_of(name, {**SMALL, **MIXTURES[name]})


@pytest.mark.parametrize("name", MIXTURES)
def test_experts_are_pruned_along_their_inputs_and_routers_stay_dense(name: str) -> None:
    model = mixture(name)
    target = Target.parse("1:4(FF)")
    chosen = [block for block, _ in select_layers(model, target)]
    experts = [block for block in chosen if block.weight.dim() == 3]
    assert {block.view(block.weight).shape[-1] for block in experts} == {HIDDEN, INTER}
    down = [block for block in experts if block.width == INTER]
    assert {block.view(block.weight).shape[-2] for block in down} == {HIDDEN}
    assert not [b.name for b in chosen if "router" in b.name or "gate" in b.name.split(".")]
    assert not [b.name for b in chosen if b.name.endswith("shared_expert_gate")]


@pytest.mark.parametrize("name", MIXTURES)
def test_a_column_of_the_experts_first_weight_is_one_input_of_theirs(name: str) -> None:
    model = mixture(name)
    blocks = read_layers(model).prunable
    first = next(b for b in blocks if b.weight.dim() == 3 and b.width == HIDDEN)
    seen: list[tuple[Any, ...]] = []
    handle = first.module.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
    tokens = torch.arange(1, 9).unsqueeze(0)
    with torch.no_grad():
        model(tokens)
        handle.remove()
        first.view(first.weight.detach())[..., 5] = 0.0
        hidden, *rest = seen[0]
        changed = hidden.clone()
        changed[..., 5] += 1.0
        torch.testing.assert_close(first.module(hidden, *rest), first.module(changed, *rest))
        changed[..., 6] += 1.0
        assert not torch.allclose(first.module(hidden, *rest), first.module(changed, *rest))


@pytest.mark.parametrize("name", ["Mixtral", "GptOss", "Llama4Text"])
def test_experts_train_to_the_strict_target(name: str) -> None:
    model = mixture(name).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    sparse = pgf.attach(model, optimizer, target="1:4(FF)", recipe="mdgf_linear", total_steps=5)
    for _ in range(5):
        model(torch.arange(1, 9).unsqueeze(0)).last_hidden_state.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    assert sparse.finish().is_strict
    for layer in sparse.sparsifier.layers:
        assert_nm(layer.effective, NMPattern(1, 4))


def values_only(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Return what reaches the output projection with V at 0, and with Q and K at 0."""
    layers = read_layers(model).prunable
    fused = {b.role: b for b in layers if b.name.endswith(f"[{b.role}]")}
    output = next(b for b in layers if b.role == "O")
    results = []
    for roles in (("V",), ("Q", "K")):
        seen: list[Tensor] = []
        kept = {n: own.detach().clone() for n, own in model.named_parameters()}
        for role in roles:
            block = fused[role]
            block.view(block.weight.detach()).zero_()
            if block.module.bias is not None:
                block.module.get_parameter("bias")[block.first_row : block.end_row] = 0.0
        handle = output.module.register_forward_pre_hook(lambda _, x, seen=seen: seen.append(x[0]))
        model(torch.arange(1, 9).unsqueeze(0))
        handle.remove()
        results.append(seen)
        for parameter_name, value in kept.items():
            model.get_parameter(parameter_name).copy_(value)
    return results[0], results[1]


@pytest.mark.parametrize("name", FUSED)
def test_what_is_called_v_scales_the_attention_and_q_and_k_do_not(name: str) -> None:
    with torch.no_grad():
        without_values, without_scores = values_only(model_of(name, FUSED[name]))
    assert all(bool((seen == 0).all()) for seen in without_values)
    # Scores of 0 leave means of V over the positions seen.
    assert all(bool((seen != 0).any()) for seen in without_scores)


@pytest.mark.parametrize("name", UNTOLD)
def test_what_cannot_be_cut_is_refused_by_name(name: str) -> None:
    options = {**SMALL, **UNTOLD[name]} if name == "DeepseekV3" else UNTOLD[name]
    with pytest.raises(UserError, match=r"cannot be told in .*(query_key_value|c_attn|_proj)"):
        select_layers(model_of(name, options), Target.parse("1:4(QKV)"))


def test_the_attentions_of_lxmert_are_no_feed_forward_layers() -> None:
    sizes = {"hidden_size": HIDDEN, "num_attention_heads": 4, "intermediate_size": INTER}
    layers = {"l_layers": 1, "x_layers": 1, "r_layers": 1, "vocab_size": VOCABULARY}
    found = read_layers(model_of("Lxmert", {**sizes, **layers})).prunable
    roles = {block.name: block.role for block in found if "output.dense" in block.name}
    assert {roles[name] for name in roles if "att" in name} == {"O"}
    assert {roles[name] for name in roles if "att" not in name} == {"FF"}


def test_the_feed_forward_layers_of_rwkv_are_no_keys() -> None:
    sizes = {"hidden_size": HIDDEN, "num_hidden_layers": 2, "vocab_size": VOCABULARY}
    found = {b.name: b.role for b in read_layers(model_of("Rwkv", sizes)).prunable}
    assert {role for name, role in found.items() if "feed_forward" in name} == {"FF"}
    assert {role for name, role in found.items() if "attention.key" in name} == {"K"}
