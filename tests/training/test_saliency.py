"""Masks by connection sensitivity: what they are, and that taking them changes nothing else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from support.compare import assert_nm, assert_same, assert_same_run
from support.helpers import InterruptedRunError, digits, resumed, tiny_spec, trained
from support.masks import slow_mask
from torch import Tensor, nn

from pgf.errors import UserError
from pgf.experiments.run_spec import RunSpec
from pgf.recipes import RECIPES
from pgf.recipes.patterns import Target
from pgf.sparsity.sparsifier import Sparsifier
from pgf.tasks import Task
from pgf.tasks.data.streams import Batch, Splits
from pgf.training.loop import train
from pgf.training.optimization import Precision
from pgf.training.run_state import Run
from pgf.training.saliency import fix_saliency_masks


def spec_of(*, dense: float = 0.0, **training: Any) -> RunSpec:
    return tiny_spec("snip", options={"dense": dense}, **training)


def stopped(spec: RunSpec, *, at: int) -> Run:
    """Return a run as it stands after some steps."""
    run = Run.make(spec, splits=digits())

    def stop(run: Run) -> None:
        if run.step == at:
            raise InterruptedRunError

    if at:
        with pytest.raises(InterruptedRunError):
            train(run, progress=stop)
    return run


def fixed(run: Run) -> dict[str, Tensor]:
    layers = run.sparsifier.layers
    return {x.name: x.fixed["saliency"] for x in layers if "saliency" in x.fixed}


def slow_masks(run: Run) -> dict[str, Tensor]:
    """Return the masks by the definition, of the run's next batch as a whole."""
    settings = run.spec.training
    stream = run.splits.train.stream(
        batch_size=settings.batch_size, seed=run.spec.seed, first_step=run.step
    )
    inputs, labels = next(stream)
    with run.sparsifier.dense():
        nn.functional.cross_entropy(run.model(inputs), labels).backward()
    masks = {}
    for layer in run.sparsifier.layers:
        gradient = layer.block.module.get_parameter("weight").grad
        assert gradient is not None
        score = layer.weight * layer.block.view(gradient)
        masks[layer.name] = slow_mask(score.flatten(1), layer.pattern)
    return masks


@pytest.mark.parametrize(("dense", "first"), [(0.0, 0), (0.5, 7)])
def test_the_mask_is_that_of_the_definition_at_the_first_sparse_step(
    dense: float, first: int
) -> None:
    expected = slow_masks(stopped(spec_of(dense=dense), at=first))
    assert not fixed(stopped(spec_of(dense=dense), at=first))
    assert_same(fixed(trained(spec_of(dense=dense))), expected)


def test_the_mask_is_neither_that_of_the_weights_nor_that_of_the_gradient() -> None:
    run = trained(spec_of())
    start = Run.make(spec_of(), splits=digits())
    kept = [
        (fixed(run)[x.name] & slow_mask(x.weight, x.pattern)).sum() / fixed(run)[x.name].sum()
        for x in start.sparsifier.layers
    ]
    assert all(0.25 < share < 0.95 for share in kept)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_mask_does_not_depend_on_the_micro_batches(count: int) -> None:
    assert_same(fixed(trained(spec_of(accumulation=count))), fixed(trained(spec_of())))


def test_the_mask_does_not_depend_on_half_precision() -> None:
    # Without a loss scale small gradients would be zero, and ties go to the lowest index.
    half = trained(spec_of(precision="float16", steps=2))
    assert_same(fixed(half), fixed(trained(spec_of(steps=2))))


def test_training_goes_on_as_if_the_mask_had_been_given() -> None:
    run = trained(spec_of(clip_norm=0.5))
    given = Run.make(run.spec, splits=digits())
    for layer in given.sparsifier.layers:
        layer.fixed["saliency"] = fixed(run)[layer.name]
    assert_same_run(train(given), run)


@pytest.mark.parametrize("step", [1, 6, 7, 8])
def test_a_run_resumed_around_the_choice_is_the_uninterrupted_one(
    step: int, tmp_path: Path
) -> None:
    spec = spec_of(dense=0.5, checkpoint_every=1)
    assert_same_run(resumed(spec, tmp_path / "checkpoint.pt", at=step), trained(spec))


class Noisy(nn.Module):
    """A feed-forward pair between which generator and buffers are used."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(8, 16), "fc2": nn.Linear(16, 8)})
        self.norm = nn.BatchNorm1d(16)
        self.drop = nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp["fc2"](self.drop(self.norm(self.mlp["fc1"](x)).tanh()))


@dataclass(frozen=True, kw_only=True)
class NoisyTask(Task):
    metric: ClassVar[str] = "loss"

    scale: float = 1.0

    def model(self) -> nn.Module:
        torch.manual_seed(7)
        return Noisy().double()

    def example(self) -> Batch:
        return torch.zeros(1, 8), torch.zeros(1, 8)

    def load(self) -> Splits:
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return self.scale * nn.functional.mse_loss(model(batch[0]), batch[1])

    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        raise NotImplementedError


def sparsified(task: Task, recipe: str = "snip") -> Sparsifier:
    return Sparsifier(
        task.model(),
        target=Target.parse("2:8(FF)"),
        recipe=RECIPES[recipe](),
        total_steps=5,
        mask_seed=1,
    )


def choose(
    task: Task, sparsifier: Sparsifier, *, sizes: tuple[int, ...] = (6, 6), step: int = 0
) -> None:
    generator = torch.Generator().manual_seed(4)
    inputs, labels = torch.randn(2, sum(sizes), 8, generator=generator, dtype=torch.float64)
    fix_saliency_masks(
        task,
        sparsifier,
        list(zip(inputs.split(sizes), labels.split(sizes), strict=True)),
        [size / sum(sizes) for size in sizes],
        step=step,
        precision=Precision.make(tiny_spec().training, torch.device("cpu")),
    )


def test_choosing_leaves_weights_gradients_buffers_and_generators_alone() -> None:
    sparsifier = sparsified(NoisyTask())
    model = sparsifier.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    generator = torch.get_rng_state()
    choose(NoisyTask(), sparsifier)
    assert all("saliency" in layer.fixed for layer in sparsifier.layers)
    assert_same(dict(model.state_dict()), before)
    assert torch.equal(torch.get_rng_state(), generator)
    owned = [*model.parameters(), *sparsifier.masters.values()]
    assert all(p.grad is None and p.requires_grad for p in owned)


def test_a_mask_is_chosen_once() -> None:
    sparsifier = sparsified(NoisyTask())
    choose(NoisyTask(), sparsifier)
    before = {layer.name: layer.fixed["saliency"].clone() for layer in sparsifier.layers}
    choose(NoisyTask(scale=-2.0), sparsifier, sizes=(4, 9), step=4)
    assert_same({layer.name: layer.fixed["saliency"] for layer in sparsifier.layers}, before)


def test_other_recipes_have_no_mask_by_saliency() -> None:
    for recipe in sorted(set(RECIPES) - {"snip"}):
        sparsifier = sparsified(NoisyTask(), recipe)
        choose(NoisyTask(), sparsifier)
        assert not any("saliency" in layer.fixed for layer in sparsifier.layers)


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
def test_sensitivities_that_say_nothing_still_give_a_mask_of_the_pattern(scale: float) -> None:
    task = NoisyTask(scale=scale)
    sparsifier = sparsified(task)
    choose(task, sparsifier)
    for layer in sparsifier.layers:
        assert_nm(layer.fixed["saliency"], layer.pattern)


@dataclass(frozen=True, kw_only=True)
class HalfUsed(NoisyTask):
    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return model.get_submodule("mlp.fc1")(batch[0]).square().mean()


def test_micro_batches_count_by_what_their_loss_is_the_mean_over() -> None:
    one, other = sparsified(HalfUsed()), sparsified(HalfUsed())
    choose(HalfUsed(), one, sizes=(12,))
    choose(HalfUsed(), other, sizes=(1, 9, 2))
    for x, y in zip(one.layers, other.layers, strict=True):
        assert torch.equal(x.fixed["saliency"], y.fixed["saliency"])


def test_a_layer_that_the_batch_did_not_pass_gets_a_mask_too() -> None:
    sparsifier = sparsified(HalfUsed())
    choose(HalfUsed(), sparsifier)
    for layer in sparsifier.layers:
        assert_nm(layer.fixed["saliency"], layer.pattern)


def test_a_step_without_the_mask_is_an_error_and_no_other_mask() -> None:
    with pytest.raises(UserError, match="from the first batch's gradients"):
        sparsified(NoisyTask()).refresh(0)
