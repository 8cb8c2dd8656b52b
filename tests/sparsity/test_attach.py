"""`attach`: a loop that knows nothing of a recipe trains what a `Sparsifier` by hand trains."""

import pytest
import torch
from support.compare import assert_nm, assert_same
from support.helpers import tiny_block
from support.plain_loop import ATTACHABLE, PLAIN, TARGET, TOTAL, Plain, advised
from support.stepping import Loop
from torch import Tensor, nn

import pgf
from pgf.errors import UserError
from pgf.recipes import ShapesWeights
from pgf.recipes.patterns import NMPattern


@pytest.mark.parametrize("recipe", ATTACHABLE)
def test_it_trains_bitwise_what_the_sparsifier_trains_by_hand(recipe: str) -> None:
    by_hand, plain = Loop(advised(recipe), target=TARGET, total=TOTAL).run(), Plain(recipe).run()
    expected = {n: own.detach() for n, own in by_hand.sparsifier.masters.items()}
    assert_same(plain.masters(), expected)
    with by_hand.sparsifier.strict():
        plain.sparse.finish()
        assert_same(dict(plain.model.state_dict()), dict(by_hand.model.state_dict()))


@pytest.mark.parametrize("recipe", ATTACHABLE)
def test_the_finished_model_is_strictly_nm(recipe: str) -> None:
    plain = Plain(recipe).run()
    report = plain.sparse.finish()
    assert report.is_strict and len(report.layers) == 2
    for name in ("mlp.fc1.weight", "mlp.fc2.weight"):
        assert ((plain.model.get_parameter(name) != 0).unflatten(1, (-1, 4)).sum(2) <= 1).all()


@pytest.mark.parametrize("recipe", ATTACHABLE)
def test_resumed_equals_uninterrupted(recipe: str) -> None:
    whole, first, second = Plain(recipe).run(), Plain(recipe).run(5), Plain(recipe)
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    second.sparse.load_state_dict(first.sparse.state_dict())
    second.run(5)
    assert_same(second.masters(), whole.masters())
    assert_same(dict(second.model.state_dict()), dict(whole.model.state_dict()))


def test_a_state_may_be_loaded_before_the_models() -> None:
    whole, first, second = Plain().run(), Plain().run(5), Plain()
    second.sparse.load_state_dict(first.sparse.state_dict())
    second.model.load_state_dict(first.model.state_dict())
    second.optimizer.load_state_dict(first.optimizer.state_dict())
    assert_same(second.run(5).masters(), whole.masters())


@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop", "Adagrad", "NAdam", "Adafactor"])
def test_any_optimiser_of_torch_does(kind: str) -> None:
    plain = Plain("sr_ste", optimizer=getattr(torch.optim, kind)).run()
    assert plain.sparse.finish().is_strict


@pytest.mark.parametrize("recipe", PLAIN)
def test_a_closure_is_evaluated_at_the_effective_weights(recipe: str) -> None:
    plain, closed = Plain(recipe).run(), Plain(recipe)

    def closure() -> Tensor:
        closed.optimizer.zero_grad()
        loss = closed.loss()
        loss.backward()
        return loss

    for _ in range(TOTAL):
        closed.optimizer.step(closure)
    assert_same(closed.masters(), plain.masters())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("recipe", ["sr_ste", "mdgf_linear"])
def test_a_scaler_changes_nothing(recipe: str, fused: bool) -> None:
    plain, scaled = Plain(recipe, fused=fused).run(), Plain(recipe, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=3)
    for _ in range(TOTAL):
        scaler.scale(scaled.loss()).backward()
        scaler.step(scaled.optimizer)
        scaler.update()
        scaled.optimizer.zero_grad()
    assert_same(scaled.masters(), plain.masters())


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_a_scaler_skips_is_none(fused: bool) -> None:
    plain = Plain(fused=fused).run(3)
    before, step = plain.masters(), plain.sparse.step
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    scaler.scale(plain.loss() * float("inf")).backward()
    scaler.step(plain.optimizer)
    scaler.update()
    assert plain.sparse.step == step == 3
    assert_same(plain.masters(), before)


def test_accumulated_gradients_are_turned_once() -> None:
    plain, parts = Plain("sr_ste").run(), Plain("sr_ste")
    for _ in range(TOTAL):
        for _ in range(2):
            (parts.loss() / 2).backward()
        parts.optimizer.step()
        parts.optimizer.zero_grad(set_to_none=False)
    assert_same(parts.masters(), plain.masters())


@pytest.mark.parametrize("recipe", ATTACHABLE)
def test_evaluations_on_the_way_change_nothing(recipe: str) -> None:
    plain, seen = Plain(recipe).run(), Plain(recipe)
    for _ in range(TOTAL):
        with seen.sparse.strict():
            assert seen.sparse.report().is_strict
        with seen.sparse.dense():
            seen.loss()
        seen.run(1)
    assert_same(seen.masters(), plain.masters())


@pytest.mark.parametrize("recipe", ATTACHABLE)
def test_an_average_is_pruned_as_the_model_is(recipe: str) -> None:
    plain, other = Plain(recipe).run(), tiny_block()
    with plain.sparse.dense():
        other.load_state_dict(plain.model.state_dict())
    if not isinstance(advised(recipe), ShapesWeights):  # these have no dense weight but their own
        before = plain.masters()
        plain.sparse.prune(other)
        assert_same(plain.masters(), before)
        plain.sparse.finish()
        assert_same(dict(other.state_dict()), dict(plain.model.state_dict()))


def test_frozen_and_unowned_layers_stay_dense_and_are_named() -> None:
    model = tiny_block()
    model.mlp.fc1.weight.requires_grad_(False)
    owned = [p for n, p in model.named_parameters() if n != "attn.qkv.weight" and p.requires_grad]
    optimizer = torch.optim.SGD(owned, lr=0.1)
    sparse = pgf.attach(model, optimizer, target=TARGET, recipe="ste", total_steps=4)
    report = str(sparse.report())
    assert [layer.name for layer in sparse.report().layers] == ["mlp.fc2"]
    assert "dense, frozen: 1 x Linear mlp.fc*" in report
    assert "dense, the optimiser does not own its weight: 1 x Linear attn.qkv" in report


def test_a_parametrized_layer_is_read() -> None:
    model = tiny_block()
    nn.utils.parametrizations.weight_norm(model.mlp.fc1)
    assert "parametrized" in str(pgf.inspect(model, target=TARGET))


def test_an_optimiser_of_something_else_is_refused() -> None:
    optimizer = torch.optim.SGD(nn.Linear(4, 4).parameters(), lr=0.1)
    with pytest.raises(UserError, match="owns no parameter of the model"):
        pgf.attach(tiny_block(), optimizer, target=TARGET, recipe="ste", total_steps=4)


@pytest.mark.parametrize("recipe", ["snip", "gpusq", "small_dense"])
def test_what_our_own_loop_alone_does_is_refused(recipe: str) -> None:
    with pytest.raises(UserError, match="train it by a config"):
        Plain(recipe)


def test_a_finished_model_is_not_trained_on() -> None:
    plain = Plain().run()
    plain.sparse.finish()
    plain.sparse.finish()  # a second time changes nothing
    with pytest.raises(UserError, match="the training is finished"):
        plain.optimizer.step()


def test_steps_after_the_last_one_stay_at_the_target() -> None:
    plain = Plain().run(TOTAL + 3)
    assert_nm(plain.model.mlp.fc1.weight.detach(), NMPattern(1, 4))


def test_a_backward_pass_through_weights_of_another_step_is_an_error() -> None:
    plain = Plain().run(2)
    loss = plain.loss()
    plain.sparse.sparsifier.refresh(5)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_an_evaluation_under_autocast_sees_the_strict_weights() -> None:
    plain = Plain("sr_ste", optimizer=torch.optim.SGD)
    plain.model.float()
    plain.batch = plain.batch.float()
    plain.run(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        plain.loss()
        with plain.sparse.dense():
            dense = plain.loss().item()
        with plain.sparse.strict():
            strict = plain.loss().item()
    assert dense != strict
