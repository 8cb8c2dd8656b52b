"""What may happen to a model under `attach`: weights loaded, other dtypes, states of others."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.compare import assert_same
from support.helpers import tiny_block
from support.plain_loop import PLAIN, Plain
from torch import nn

import pgf
from pgf.errors import UserError


def test_other_weights_are_taken_as_new_masters() -> None:
    plain = Plain().run(6)
    other = {n: torch.randn_like(own) for n, own in plain.model.state_dict().items()}
    plain.model.load_state_dict(other)
    assert torch.equal(plain.masters()["mlp.fc1.weight"], other["mlp.fc1.weight"])
    assert not torch.equal(plain.model.mlp.fc1.weight, other["mlp.fc1.weight"])


def test_weights_written_in_place_are_taken_at_the_next_step() -> None:
    plain = Plain("sr_ste").run(6)
    with torch.no_grad():
        plain.model.mlp.fc1.weight.mul_(2)
    plain.optimizer.zero_grad()
    doubled = plain.model.mlp.fc1.weight.detach().clone()
    plain.optimizer.step()  # without gradients: nothing but the exchange
    assert torch.equal(plain.masters()["mlp.fc1.weight"], doubled)


def test_the_models_own_weights_written_back_leave_the_masters() -> None:
    plain, other = Plain("sr_ste").run(6), Plain("sr_ste").run(6)
    plain.model.load_state_dict({n: v.clone() for n, v in plain.model.state_dict().items()})
    assert_same(plain.run(2).masters(), other.run(2).masters())


def test_assigned_weights_are_refused() -> None:
    plain = Plain()
    with pytest.raises(UserError, match=r"mlp\.fc1\.weight is another parameter now.*assign"):
        plain.model.load_state_dict(tiny_block(6).state_dict(), assign=True)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("recipe", [*PLAIN, "pat", "bdwp"])
def test_a_model_may_change_its_dtype(recipe: str, dtype: torch.dtype) -> None:
    plain = Plain(recipe, optimizer=torch.optim.SGD)
    plain.model.to(dtype)
    plain.batch = plain.batch.to(dtype)
    plain.run()
    assert {own.dtype for own in plain.masters().values()} == {dtype}
    assert plain.sparse.finish().is_strict


def test_a_convolution_may_change_its_layout() -> None:
    made = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(4, 8, 1), nn.Conv2d(8, 8, 3, bias=False))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        sparse = pgf.attach(model, optimizer, target="1:4(CONV)", recipe="sr_ste", total_steps=4)
        model.to(memory_format=layout)
        for _ in range(4):
            model(torch.ones(1, 4, 5, 5)).square().mean().backward()
            optimizer.step()
        assert sparse.finish().is_strict
        made.append(model[1].weight.detach().clone())
    torch.testing.assert_close(*made)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop("masters"), "it has no 'masters'"),
        (lambda state: state.pop("step"), "no 'step'"),
        (lambda state: state["masters"].pop("mlp.fc1.weight"), "mlp.fc1.weight is not in it"),
        (lambda state: state["fixed"].update(more={}), "more the state has"),
        (
            lambda state: state["masters"].update({"mlp.fc1.weight": torch.ones(2, 2)}),
            r"is \(2, 2\) in it and \(32, 16\) here",
        ),
    ],
)
def test_a_state_of_something_else_is_refused(change: Callable[[Any], Any], words: str) -> None:
    plain = Plain()
    state = {k: dict(v) if isinstance(v, dict) else v for k, v in plain.sparse.state_dict().items()}
    change(state)
    with pytest.raises(UserError, match=words):
        plain.sparse.load_state_dict(state)


def test_a_state_of_a_larger_target_is_refused() -> None:
    state = Plain(target="1:4(FF)+1:4(Q)").sparse.state_dict()
    with pytest.raises(UserError, match=r"attn\.qkv\.weight the state has"):
        Plain().sparse.load_state_dict(state)
