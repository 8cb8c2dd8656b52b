"""The adapters train, in the real trainers, what `attach` trains in a plain loop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from support.compare import assert_same
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, SequentialSampler

import pgf
from pgf.errors import UserError
from pgf.recipes import Recipe

STEPS, BATCH, RATE, TARGET = 8, 4, 0.02, "1:4(FF)"
RECIPES = ("mdgf_linear", "srigl")


def recipe_of(name: str) -> Recipe:
    return pgf.find_recipe(name)(dense=0.1, fine_tune=0.3)


class Samples(Dataset[dict[str, Tensor]]):
    """Random tokens, two classes."""

    def __len__(self) -> int:
        return STEPS // 2 * BATCH  # two epochs: Lightning goes on at the beginning of one

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        tokens = torch.randint(0, 32, (6,), generator=torch.manual_seed(index))
        return {"input_ids": tokens, "labels": tokens[0] % 2}


@pytest.fixture
def libraries() -> Iterator[Any]:
    transformers = pytest.importorskip("transformers", reason="the Trainer is transformers'")
    pytest.importorskip("accelerate", reason="transformers' Trainer asks for accelerate")
    yield transformers


def bert() -> nn.Module:
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=32, intermediate_size=32, max_position_embeddings=8, **sizes)
    model: nn.Module = BertForSequenceClassification(config).train()
    return model


def quiet(model: nn.Module) -> nn.Module:
    """Return the model without dropout, whose draws depend on what a trainer draws besides."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def plain(recipe: str, model: nn.Module) -> dict[str, Tensor]:
    """Train in a loop of torch's own; return the finished weights."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    sparse = pgf.attach(
        model, optimizer, target=TARGET, recipe=recipe_of(recipe), total_steps=STEPS
    )
    batches = DataLoader(Samples(), batch_size=BATCH)
    for batch in (*batches, *batches):
        model(**batch).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert sparse.finish().is_strict
    return dict(model.state_dict())


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


def zeros(model: nn.Module) -> int:
    return int((model.get_parameter("bert.encoder.layer.0.intermediate.dense.weight") == 0).sum())


STRICT = 384
"""Zeros of 512 weights at 1:4."""


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


def fit(folder: Path, recipe: str, model: nn.Module, **more: Any) -> None:
    """Train in Lightning; `more` goes to `fit`."""
    lightning = pytest.importorskip("lightning.pytorch", reason="needs the extra lightning")
    from lightning.fabric.plugins.environments import LightningEnvironment

    from pgf.integrations.lightning import SparseCallback

    class Module(lightning.LightningModule):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
            loss: Tensor = self.model(**batch).loss
            return loss

        validation_step = training_step

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.AdamW(self.model.parameters(), lr=RATE)

    batches = DataLoader(Samples(), batch_size=BATCH)
    lightning.Trainer(
        default_root_dir=folder,
        accelerator="cpu",
        plugins=[LightningEnvironment()],
        max_steps=STEPS,
        val_check_interval=2,
        gradient_clip_val=1.0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[
            SparseCallback(target=TARGET, recipe=recipe_of(recipe)),
            lightning.callbacks.ModelCheckpoint(
                dirpath=folder, filename="{step}", every_n_train_steps=4, save_top_k=-1
            ),
        ],
    ).fit(Module(), batches, batches, **more)


@pytest.mark.filterwarnings("ignore")  # Lightning warns of small data and of SLURM
@pytest.mark.parametrize("recipe", RECIPES)
def test_lightning_trains_what_a_plain_loop_trains(recipe: str, tmp_path: Path) -> None:
    model = quiet(bert())
    fit(tmp_path, recipe, model)
    assert_same(dict(model.state_dict()), plain(recipe, quiet(bert())))


@pytest.mark.filterwarnings("ignore")  # Lightning warns of small data and of SLURM
@pytest.mark.parametrize("recipe", RECIPES)
def test_lightning_resumes_bitwise(recipe: str, tmp_path: Path) -> None:
    fit(tmp_path, recipe, quiet(bert()))
    (saved,) = tmp_path.glob("step=4*.ckpt")
    weights = torch.load(saved, weights_only=True)["state_dict"]
    name = "model.bert.encoder.layer.0.intermediate.dense.weight"
    assert int((weights[name] == 0).sum()) == STRICT
    resumed = quiet(bert())
    fit(tmp_path, recipe, resumed, ckpt_path=saved)
    assert_same(dict(resumed.state_dict()), plain(recipe, quiet(bert())))


@pytest.mark.parametrize("recipe", RECIPES)
def test_accelerate_trains_what_a_plain_loop_trains(recipe: str) -> None:
    accelerate = pytest.importorskip("accelerate", reason="needs the extra trainer")
    model = quiet(bert())
    accelerator = accelerate.Accelerator(cpu=True)
    wrapped, optimizer, batches = accelerator.prepare(
        model,
        torch.optim.AdamW(model.parameters(), lr=RATE),
        DataLoader(Samples(), batch_size=BATCH),
    )
    sparse = pgf.attach(
        wrapped, optimizer, target=TARGET, recipe=recipe_of(recipe), total_steps=STEPS
    )
    for batch in (*batches, *batches):
        accelerator.backward(wrapped(**batch).loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    assert sparse.finish().is_strict
    assert_same(dict(model.state_dict()), plain(recipe, quiet(bert())))
