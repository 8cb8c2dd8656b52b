"""The adapters train, in the real trainers, what `attach` trains in a plain loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.compare import assert_same
from support.small_bert import (
    BATCH,
    RATE,
    RECIPES,
    STEPS,
    STRICT,
    TARGET,
    Samples,
    bert,
    plain,
    quiet,
    recipe_of,
    zeros,
)
from torch import nn
from torch.utils.data import SequentialSampler

from pgf.errors import UserError


@pytest.fixture
def libraries() -> Iterator[Any]:
    transformers = pytest.importorskip("transformers", reason="the Trainer is transformers'")
    pytest.importorskip("accelerate", reason="transformers' Trainer asks for accelerate")
    yield transformers


def trainer(model: nn.Module, folder: Path, recipe: str, **more: Any) -> Any:
    from transformers import Trainer, TrainingArguments

    from pgf.integrations.transformers import SparseCallback

    class InOrder(Trainer):
        def _get_train_sampler(self, dataset: Any = None) -> Any:
            return SequentialSampler(Samples())

    values = {"save_strategy": "no", "max_grad_norm": 1.0, **more}
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH,
        max_steps=STEPS,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        **values,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    return InOrder(
        model=model,
        args=arguments,
        train_dataset=Samples(),
        eval_dataset=Samples(),
        optimizers=(optimizer, schedule),
        callbacks=[SparseCallback(target=TARGET, recipe=recipe_of(recipe))],
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_transformers_trainer_trains_what_a_plain_loop_trains(
    recipe: str, tmp_path: Path, libraries: Any
) -> None:
    model = quiet(bert())
    trainer(model, tmp_path, recipe).train()
    assert_same(dict(model.state_dict()), plain(recipe, quiet(bert())))


@pytest.mark.parametrize("recipe", RECIPES)
def test_evaluations_of_transformers_trainer_change_nothing(
    recipe: str, tmp_path: Path, libraries: Any
) -> None:
    model = quiet(bert())
    often = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 3}
    trainer(model, tmp_path, recipe, **often).train()
    assert_same(dict(model.state_dict()), plain(recipe, quiet(bert())))


@pytest.mark.parametrize("recipe", RECIPES)
def test_transformers_trainer_resumes_bitwise(recipe: str, tmp_path: Path, libraries: Any) -> None:
    saving = {"save_strategy": "steps", "save_steps": 5}
    trainer(quiet(bert()), tmp_path, recipe, **saving).train()
    resumed = quiet(bert())
    checkpoint = str(tmp_path / "checkpoint-5")
    trainer(resumed, tmp_path, recipe).train(resume_from_checkpoint=checkpoint)
    assert_same(dict(resumed.state_dict()), plain(recipe, quiet(bert())))


def test_a_checkpoint_without_the_recipes_state_is_refused(tmp_path: Path, libraries: Any) -> None:
    trainer(quiet(bert()), tmp_path, "sr_ste", save_strategy="steps", save_steps=5).train()
    (tmp_path / "checkpoint-5/pgf_sparse.pt").unlink()
    with pytest.raises(UserError, match=r"checkpoint-5/pgf_sparse\.pt is not there"):
        trainer(quiet(bert()), tmp_path, "sr_ste").train(
            resume_from_checkpoint=str(tmp_path / "checkpoint-5")
        )


def test_evaluations_and_checkpoints_of_transformers_trainer_are_strict(
    tmp_path: Path, libraries: Any
) -> None:
    model = quiet(bert())
    often = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 3}
    own = trainer(model, tmp_path, "mdgf_linear", eval_on_start=True, **often)
    own.eval_dataset = {"one": Samples(), "other": Samples()}
    seen: list[int] = []
    whole = own.evaluation_loop

    def looked(*args: Any, **kwargs: Any) -> Any:
        seen.append(zeros(model))
        return whole(*args, **kwargs)

    own.evaluation_loop = looked
    own.train()
    assert len(seen) == 2 * (1 + STEPS // 2) and set(seen) == {STRICT}
    saved = bert()
    saved.load_state_dict(load_file(tmp_path / "checkpoint-3/model.safetensors"))
    assert zeros(saved) == STRICT


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_best_checkpoint_is_the_model_in_the_end(
    recipe: str, tmp_path: Path, libraries: Any
) -> None:
    model = quiet(bert())
    best = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss"}
    often = {"eval_strategy": "steps", "eval_steps": 3, "save_strategy": "steps", "save_steps": 3}
    own = trainer(model, tmp_path, recipe, **often, **best)
    own.train()
    weights = load_file(Path(own.state.best_model_checkpoint) / "model.safetensors")
    assert_same(dict(model.state_dict()), {n: weights[n] for n in model.state_dict()})
    assert zeros(model) == STRICT


def test_accumulated_micro_batches_are_one_step(tmp_path: Path, libraries: Any) -> None:
    model = quiet(bert())
    own = trainer(model, tmp_path, "sr_ste", gradient_accumulation_steps=2)
    own.train()
    (callback,) = [c for c in own.callback_handler.callbacks if hasattr(c, "sparse")]
    assert callback.sparse.step == STEPS and zeros(model) == STRICT


def test_a_recipe_with_scores_is_refused_by_the_trainer(tmp_path: Path, libraries: Any) -> None:
    with pytest.raises(UserError, match="learns scores, for which the trainer"):
        trainer(quiet(bert()), tmp_path, "lbc").train()
