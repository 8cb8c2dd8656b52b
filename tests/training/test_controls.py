"""Controls: a model without the target's layers, and a smaller dense one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from support.compare import weights
from support.helpers import TARGET, digits, tiny_spec, trained
from support.jobs import files_of, work
from support.texts import NUMBERS, SMALL

from pgf.errors import UserError
from pgf.experiments.settings import TaskSettings
from pgf.recipes import RECIPES
from pgf.recipes.patterns import Target
from pgf.sparsity.selection import select_layers
from pgf.tasks import Task, make_task
from pgf.tasks.digits import DigitsVit
from pgf.tasks.images import Images
from pgf.training.narrowing import narrowed_to
from pgf.training.run_state import Run

SMALL_DENSE = RECIPES["small_dense"]()
TASKS = {
    "digits_vit": {},
    "number_words_encdec": {**SMALL, **NUMBERS["number_words_encdec"], "heads": 2, "width": 64},
    "code_lm": {"context": 16},
}


def size(task: Task) -> int:
    return sum(p.numel() for p in task.model().parameters())


def task_of(kind: str) -> Task:
    return make_task(TaskSettings(name=kind, kind=kind, options=TASKS[kind]))


def test_a_record_counts_the_layers_that_are_too_narrow_for_stages(tmp_path: Path) -> None:
    counts = {"ste": 0, "sdgf_geometric": 1}  # fc1 has 32 inputs, fc2 has 128
    for name, expected in counts.items():
        spec = tiny_spec(name, target="1:32(FF)", steps=2, evaluations=1)
        work([spec], tmp_path)
        record, _ = files_of(spec, tmp_path)
        assert (record["pruned_layers"], record["one_stage_layers"]) == (2, expected)


def test_removed_layers_are_zero_and_their_biases_trained() -> None:
    run = trained(tiny_spec("removed", options={}))
    start = weights(Run.make(run.spec, splits=digits()))
    end = weights(run)
    assert not end["blocks.0.mlp.fc1.weight"].any()
    assert not torch.equal(end["blocks.0.mlp.fc2.bias"], start["blocks.0.mlp.fc2.bias"])
    with run.sparsifier.strict():
        assert not run.model.get_parameter("blocks.0.mlp.fc2.weight").any()
    # Of the fused projection queries and keys go, values stay.
    q, k, v = end["blocks.0.attn.qkv.weight"].chunk(3)
    assert not q.any() and not k.any() and v.all()


def test_the_record_of_removed_layers_says_that_nothing_is_kept(tmp_path: Path) -> None:
    spec = tiny_spec("removed", options={}, steps=2, evaluations=1)
    work([spec], tmp_path)
    record, _ = files_of(spec, tmp_path)
    layers = select_layers(make_task(spec.task).model(), Target.parse(TARGET))
    entries = sum(b.view(b.module.get_parameter("weight")).numel() for b, _ in layers)
    assert record["sparsity"] == 1.0 and record["average_density"] == 0.0
    assert record["parameters"] - record["parameters_kept"] == entries


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("target", ["1:4(FF)", "1:16(FF)", "1:8(FF)+1:8(QK)"])
def test_the_narrowed_model_is_the_widest_that_is_small_enough(kind: str, target: str) -> None:
    task = task_of(kind)
    model = task.model()
    removed = sum(
        b.view(b.module.get_parameter("weight")).numel() * (1 - pattern.density)
        for b, pattern in select_layers(model, Target.parse(target))
    )
    kept = size(task) - removed
    narrowed = narrowed_to(task, SMALL_DENSE, target)
    assert size(narrowed) <= kept
    wider = [one for one in task.narrower() if one.width > narrowed.width]
    assert all(size(one) > kept for one in wider)
    more = narrowed.wider_feed_forward(1)
    assert more is None if kind == "digits_vit" else more and size(more) > kept


def test_vision_transformers_of_timm_are_narrowed() -> None:
    options = {"model_options": {"depth": 2, "patch_size": 8}, "image_size": 16, "classes": 4}
    task = Images(model_name="vit_tiny_patch16_224", **options)
    narrowed = narrowed_to(task, SMALL_DENSE, "1:16(FF)")
    assert isinstance(narrowed, Images)
    width = narrowed.model_options["embed_dim"]
    assert width % 3 == 0, "of three heads"
    model = task.model()
    kept = size(task) - sum(
        b.view(b.module.get_parameter("weight")).numel() * 15 // 16
        for b, _ in select_layers(model, Target.parse("1:16(FF)"))
    )
    wider = next(w for w in task.narrower() if w.model_options["embed_dim"] == width + 3)
    assert size(narrowed) <= kept < size(wider)


@pytest.mark.parametrize("name", ["resnet18", "vit_small_patch16_18x2_224"])
def test_other_models_of_timm_are_not_narrowed(name: str) -> None:
    with pytest.raises(UserError, match="Images has no narrower models"):
        target = "1:8(CONV)" if name == "resnet18" else "1:8(FF)"
        narrowed_to(Images(model_name=name, classes=4), SMALL_DENSE, target)


def test_other_recipes_train_the_task_as_it_is() -> None:
    task = task_of("digits_vit")
    assert narrowed_to(task, RECIPES["sr_ste"](), TARGET) is task


def test_a_small_dense_run_leaves_the_task_of_its_job_as_it_is(tmp_path: Path) -> None:
    specs = [tiny_spec(name, options={}, steps=2) for name in ("small_dense", "ste")]
    work(specs, tmp_path / "together")
    for spec in specs:
        work([spec], tmp_path / "alone")
        assert files_of(spec, tmp_path / "together") == files_of(spec, tmp_path / "alone")
    small, ste = (files_of(spec, tmp_path / "alone")[0] for spec in specs)
    assert small["parameters"] <= ste["parameters_kept"] < ste["parameters"]
    assert small["sparsity"] == 0.0 and small["target"] == ste["target"]


def test_a_small_dense_run_is_never_stacked_with_others(tmp_path: Path) -> None:
    specs = [tiny_spec(n, options={}, steps=2, stack=2) for n in ("ste", "small_dense")]
    assert len(work(specs, tmp_path)) == 2


class Rigid(DigitsVit):
    def narrower(self) -> Iterator["DigitsVit"]:
        return iter(())


def test_a_task_that_cannot_be_narrowed_says_so() -> None:
    with pytest.raises(UserError, match="Rigid has no narrower models: leave out"):
        narrowed_to(Rigid(), SMALL_DENSE, TARGET)
    with pytest.raises(UserError, match="no model of DigitsVit is as small as"):
        narrowed_to(
            DigitsVit(width=64, depth=1, heads=32), SMALL_DENSE, "1:64(FF)+1:64(QKV)+1:64(O)"
        )
