"""Recipes that learn from the dense model: the loss, the teacher, and what is refused."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from support.helpers import digits, tiny_spec, trained
from torch import Tensor, nn
from torch.nn import functional

from pgf.errors import UserError
from pgf.experiments import TaskSettings
from pgf.experiments.run_spec import RunSpec
from pgf.recipes.zoo.gpusq import Gpusq
from pgf.training.flops import count_flops, training_flops
from pgf.training.preflight import check_runs
from pgf.training.run_state import Run


def spec(**options: Any) -> RunSpec:
    return tiny_spec("gpusq", options={"dense": 0.5, "fine_tune": 0.5, **options})


def test_the_term_is_the_divergence_from_the_dense_model() -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 6, 10), torch.randn(2, 6, 10)
    found = Gpusq(soft=0.7).distil(torch.tensor(2.0), student=student, teacher=teacher, weight=12.0)
    divergence = functional.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="sum")
    torch.testing.assert_close(found, 2.0 + 0.7 * divergence / 12)


def test_the_teacher_is_the_model_at_the_end_of_the_dense_phase() -> None:
    held: dict[str, Tensor] = {}

    def keep(run: Run) -> None:
        assert (run.teacher is None) == (run.step <= 7)
        if run.step == 7:
            held.update({n: p.detach().clone() for n, p in run.sparsifier.masters.items()})

    run = trained(spec(), progress=keep)
    assert run.teacher is not None and not run.teacher.training
    for name, value in held.items():
        assert torch.equal(run.teacher.get_parameter(name), value)
    assert not any(p.requires_grad for p in run.teacher.parameters())


def test_without_the_term_it_is_one_shot_pruning_bitwise() -> None:
    alone = trained(spec(soft=0.0))
    plain = trained(tiny_spec("one_shot", options={"dense": 0.5, "fine_tune": 0.5}))
    for name, master in alone.sparsifier.masters.items():
        assert torch.equal(master, plain.sparsifier.masters[name])


def test_a_teacher_costs_its_forward_pass_after_the_dense_phase() -> None:
    run = Run.make(spec(), splits=digits())
    flops = count_flops(run.task, run.model)
    layers = [(layer.block, layer.pattern) for layer in run.sparsifier.layers]
    options = {"total_steps": 14, "batch_size": 24, "after": [7, 14]}
    mine = training_flops(flops, layers, run.sparsifier.recipe, **options)  # type: ignore[arg-type]
    plain = Run.make(
        tiny_spec("one_shot", options={"dense": 0.5, "fine_tune": 0.5}), splits=digits()
    )
    theirs = training_flops(flops, layers, plain.sparsifier.recipe, **options)  # type: ignore[arg-type]
    assert [a - b for a, b in zip(mine, theirs, strict=True)] == [0, 7 * 24 * flops.forward]


def test_a_teacher_that_has_learnt_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"recipe gpusq: .* dense 0\.01 is no step of 14"):
        check_runs([spec(dense=0.01)])


@pytest.mark.parametrize("recipe", ["wanda", "lbc"])
def test_an_average_that_would_miss_what_a_recipe_writes_is_refused(recipe: str) -> None:
    with pytest.raises(UserError, match=r"training\.ema_decay: it writes weights or scores"):
        check_runs([tiny_spec(recipe, target="1:4(FF)", ema_decay=0.9)])


def test_moments_of_another_optimiser_are_refused_before_training() -> None:
    with pytest.raises(UserError, match=r"must be adam or adamw, not sgd"):
        check_runs([tiny_spec("step", optimizer="sgd")])


@dataclass(frozen=True)
class _NoLogits:
    """The output of some models."""

    value: Tensor


def test_a_model_without_logits_is_refused() -> None:
    from pgf.training.distillation import distilled_loss

    class Odd(nn.Module):
        def forward(self, x: Tensor) -> _NoLogits:
            return _NoLogits(x)

    class Task:
        def loss(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
            out: Tensor = model(batch[0]).value.sum()
            return out

        def weight(self, batch: tuple[Tensor, Tensor]) -> float:
            return float(len(batch[0]))

    batch = torch.ones(2, 3), torch.ones(2)
    with pytest.raises(UserError, match="compares logits, and the model of Task gives none"):
        distilled_loss(Gpusq(), Task(), Odd(), Odd(), batch)  # type: ignore[arg-type]


def test_a_stack_is_refused() -> None:
    stacked = spec()
    stacked = replace(stacked, training=replace(stacked.training, stack=2))
    with pytest.raises(UserError, match="the recipe Gpusq trains alone"):
        check_runs([stacked])


def test_a_task_that_uses_more_of_a_model_than_its_call_is_distilled() -> None:
    """Sequences set the attention of their model, and count labels that checks do not have."""
    options = {"width": 16, "depth": 1}
    task = TaskSettings(name="phonemes", kind="phonemes_encdec", options=options)
    check_runs([replace(spec(), task=task)])
