"""Training on a GPU: what holds on a CPU holds there, and no step waits for the device."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.compare import assert_nm, assert_same, assert_same_run, weights
from support.helpers import TARGET, digits, resumed, tiny_spec, trained
from torch import Tensor, nn

import pgf
from pgf.experiments import StatisticsSettings
from pgf.inference import pack
from pgf.recipes import NMPattern
from pgf.training.lockstep import Lockstep
from pgf.training.loop import train_together
from pgf.training.run_state import Run

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have cuDNN, which computes the patches' convolution, take the same way every time."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


RECIPES = ["dense", "sr_ste", "mdgf_linear", "sdgf_stepwise", "sdgf_geometric", "snip"]


@pytest.mark.filterwarnings("ignore:Synchronization debug mode")
@pytest.mark.parametrize("recipe", RECIPES)
def test_no_step_waits_for_the_device(recipe: str) -> None:
    spec = tiny_spec(recipe, device="cuda", clip_norm=1.0, checkpoint_every=10**6)
    spec = replace(spec, statistics=StatisticsSettings(every=1000, noise_every=1000))
    run = Run.make(spec, splits=digits())
    assert run.losses.every > 1
    lockstep = Lockstep([run])
    for _ in range(5):  # into the sparse phase: kernels are compiled by then
        lockstep.step()
    try:
        torch.cuda.set_sync_debug_mode("error")
        for _ in range(3):  # an evaluation follows the ninth
            lockstep.step()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert run.step == 8 and len(run.losses.unread) == 3


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_that_goes_on_is_the_one_that_was_never_stopped(recipe: str, tmp_path: Path) -> None:
    spec = tiny_spec(recipe, device="cuda", precision="bfloat16", checkpoint_every=3)
    whole = trained(spec)
    assert_same_run(whole, resumed(spec, tmp_path / "checkpoint", at=6))


@pytest.mark.parametrize("recipe", RECIPES[1:])
def test_a_run_trains_on_a_gpu_as_on_a_cpu_up_to_rounding(recipe: str) -> None:
    here, there = trained(tiny_spec(recipe)), trained(tiny_spec(recipe, device="cuda"))
    for one, other in zip(here.evaluations, there.evaluations, strict=True):
        loss, same = (e.values["evaluation_loss"] for e in (one, other))
        assert same == pytest.approx(loss, rel=1e-3)
    with there.sparsifier.strict():
        for layer in there.sparsifier.layers:
            assert_nm(layer.effective.cpu(), layer.pattern)


def test_a_stack_trains_each_of_its_runs_as_alone() -> None:
    made = {"device": "cuda", "precision": "float32", "stack": 3}
    specs = [tiny_spec("sr_ste", seed=seed, **made) for seed in range(3)]
    runs = [Run.make(spec, splits=digits()) for spec in specs]
    train_together(runs, checkpoints=[None] * 3)
    for run, spec in zip(runs, specs, strict=True):
        alone = weights(trained(replace(spec, training=replace(spec.training, stack=1))))
        for name, own in weights(run).items():
            assert (own.float() - alone[name].float()).abs().max() <= 1e-3


def model_and_steps(recipe: str, *, compiles: bool) -> dict[str, Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("fc1", nn.Linear(64, 128))
    model.add_module("act", nn.GELU())
    model.add_module("fc2", nn.Linear(128, 64))
    model.cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    sparse = pgf.attach(model, optimizer, target="1:8(FF)", recipe=recipe, total_steps=12)
    called = torch.compile(model, backend="aot_eager") if compiles else model
    inputs = torch.randn(32, 64, device="cuda")
    for _ in range(12):
        called(inputs).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    sparse.finish()
    return {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("recipe", ["sr_ste", "mdgf_exponential", "sdgf_stepwise"])
def test_attach_trains_a_compiled_model_as_the_model_itself(recipe: str) -> None:
    torch._dynamo.reset()
    plain = model_and_steps(recipe, compiles=False)
    compiled = model_and_steps(recipe, compiles=True)
    for name, value in plain.items():
        torch.testing.assert_close(compiled[name], value, rtol=1e-4, atol=1e-5)
    assert_nm(plain["fc1.weight"].cpu(), NMPattern(1, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_packed_model_computes_what_the_dense_one_does(dtype: torch.dtype) -> None:
    run = trained(tiny_spec("sr_ste", target=TARGET))
    run.sparsifier.write_strict()
    model = run.model.to("cuda", dtype).eval()
    packed = pack(copy.deepcopy(model), every=True)
    images = digits().test.inputs[:32].to("cuda", dtype)
    far = 2e-2 if dtype is torch.bfloat16 else 1e-3
    with torch.inference_mode():
        torch.testing.assert_close(packed(images), model(images), rtol=far, atol=far)


def test_two_runs_of_one_seed_are_the_same_bits() -> None:
    spec = tiny_spec("mdgf_linear", device="cuda")
    assert_same(weights(trained(spec)), weights(trained(spec)))
