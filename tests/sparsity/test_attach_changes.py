"""Changes to a model under `attach`: weights loaded, other dtypes, states of others."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from support.compare import assert_same
from support.helpers import tiny_block
from support.masks import slow_mask
from support.plain_loop import PLAIN, TARGET, Plain
from timm.optim import Lookahead
from torch import nn

import pgf
from pgf.errors import UserError
from pgf.recipes import Target


def test_other_weights_are_taken_as_new_masters() -> None:
    plain = Plain().run(6)
    other = {n: torch.randn_like(own) for n, own in plain.model.state_dict().items()}
    plain.model.load_state_dict(other)
    assert torch.equal(plain.masters()["mlp.fc1.weight"], other["mlp.fc1.weight"])
    assert not torch.equal(plain.model.mlp.fc1.weight, other["mlp.fc1.weight"])


def test_a_mask_that_is_taken_once_is_of_the_weights_that_training_begins_with() -> None:
    model, pattern = tiny_block(), Target.parse(TARGET).parts[0][1]
    optimizer = torch.optim.AdamW(model.parameters())
    pgf.attach(
        model, optimizer, target=TARGET, recipe="one_shot", total_steps=4, mask_seed=3, dense=0.0
    )
    other = {n: torch.randn_like(own) for n, own in model.state_dict().items()}
    model.load_state_dict(other)
    optimizer.step()  # without gradients: nothing but the exchange
    kept = model.mlp.fc1.weight.detach() != 0
    assert torch.equal(kept, slow_mask(other["mlp.fc1.weight"], pattern))


def test_weights_written_in_place_are_taken_at_the_next_step() -> None:
    plain = Plain("sr_ste").run(6)
    with torch.no_grad():
        plain.model.mlp.fc1.weight.mul_(2)
    plain.optimizer.zero_grad()
    masters, doubled = plain.masters(), plain.model.mlp.fc1.weight.detach().clone()
    plain.optimizer.step()  # without gradients: nothing but the exchange
    expected = torch.where(doubled == 0, masters["mlp.fc1.weight"], doubled)
    assert torch.equal(plain.masters()["mlp.fc1.weight"], expected)
    assert (doubled == 0).any() and (expected != 0).all()


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


def test_the_first_step_after_a_cast_is_that_of_a_model_made_so() -> None:
    made = []
    for cast_first in (True, False):
        model, rule = tiny_block(), {"gradient": "chain_rule", "dense": 0.0, "fine_tune": 0.9}
        if cast_first:
            model.float()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        recipe = pgf.find_recipe("mdgf_linear")(**rule)
        sparse = pgf.attach(model, optimizer, target=TARGET, recipe=recipe, total_steps=4)
        sparse.load_state_dict({**sparse.state_dict(), "step": 1})  # D = 0: pruned rows are still
        model.float()
        model(torch.ones(2, 16)).square().sum().backward()
        optimizer.step()
        made.append({n: own.detach().clone() for n, own in sparse.sparsifier.masters.items()})
    assert_same(*made)


@pytest.mark.parametrize("recipe", PLAIN)
def test_a_step_within_a_held_block_is_refused(recipe: str) -> None:
    plain = Plain(recipe).run(6)
    before = plain.masters()
    with plain.sparse.strict(), plain.sparse.dense():
        pass
    assert_same(plain.masters(), before)
    plain.loss().backward()
    with plain.sparse.strict():
        for refused in (plain.optimizer.step, plain.sparse.finish):
            with pytest.raises(UserError, match="leave that block first"):
                refused()
    assert_same(plain.masters(), before)


def test_weights_are_under_one_recipe_at_a_time() -> None:
    plain = Plain()
    with pytest.raises(UserError, match=r"trains mlp\.fc1\.weight already"):
        plain.attached("sr_ste", TARGET)
    plain.run()
    plain.sparse.finish()
    plain.sparse = plain.attached("sr_ste", TARGET)  # a second training, by the same optimiser
    assert plain.run().sparse.finish().is_strict


@pytest.mark.parametrize("recipe", ["sr_ste", "srigl"])
def test_weights_swapped_and_put_back_leave_the_masters(recipe: str) -> None:
    plain, other = Plain(recipe).run(6), Plain(recipe).run(6)
    saved = {n: own.detach().clone() for n, own in plain.model.named_parameters()}
    with torch.no_grad():
        for values in (dict(tiny_block(9).named_parameters()), saved):
            for name, own in plain.model.named_parameters():
                own.copy_(values[name])
    assert_same(plain.run(2).masters(), other.run(2).masters())


def test_a_model_under_a_recipe_can_be_copied_and_pickled() -> None:
    plain = Plain().run(3)
    twin = pickle.loads(pickle.dumps(copy.deepcopy(plain.model)))
    before = plain.masters()
    twin.load_state_dict(tiny_block(9).state_dict())
    assert_same(plain.masters(), before)


@pytest.mark.parametrize("steps", [0, -3])
def test_a_training_has_steps(steps: int) -> None:
    model = tiny_block()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(UserError, match=f"total_steps is {steps}"):
        pgf.attach(model, optimizer, target=TARGET, recipe="ste", total_steps=steps)


def test_a_closure_evaluated_twice_is_refused() -> None:
    class Twice(torch.optim.SGD):
        def step(self, closure):  # type: ignore[no-untyped-def, override]
            closure()
            return super().step(closure)

    plain = Plain(optimizer=Twice)
    with pytest.raises(UserError, match="evaluates its closure twice"):
        plain.optimizer.step(plain.loss)


def test_a_wrapped_optimiser_of_timm_counts_every_step() -> None:
    model = tiny_block()
    optimizer = Lookahead(torch.optim.SGD(model.parameters(), lr=0.1))
    sparse = pgf.attach(model, optimizer, target=TARGET, recipe="sr_ste", total_steps=4)
    for _ in range(4):
        model(torch.ones(2, 16, dtype=torch.float64)).square().sum().backward()
        optimizer.step()
    assert sparse.step == 4


def test_the_backward_pass_of_a_finished_model_is_its_own() -> None:
    plain = Plain("bdwp").run()
    plain.sparse.finish()
    x = torch.ones(1, 16, dtype=torch.float64, requires_grad=True)
    layer = plain.model.mlp.fc1
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(0, keepdim=True))


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
    with pytest.raises(UserError, match=r"patterns in it: attn\.qkv\[Q\] 1:4, mlp"):
        Plain().sparse.load_state_dict(state)
