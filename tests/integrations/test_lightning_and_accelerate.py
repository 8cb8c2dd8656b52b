"""Lightning and Accelerate train what `attach` trains in a plain loop."""

from pathlib import Path
from typing import Any

import pytest
import torch
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
)
from torch import Tensor, nn
from torch.utils.data import DataLoader

import pgf


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
def test_lightning_gives_the_weights_back_where_a_validation_fails(tmp_path: Path) -> None:
    def fail(module: nn.Module, _: Any) -> None:
        if not module.training:
            raise ArithmeticError

    model = quiet(bert())
    model.register_forward_pre_hook(fail)
    with pytest.raises(ArithmeticError):
        fit(tmp_path, "mdgf_linear", model)
    assert_same(dict(model.state_dict()), dict(quiet(bert()).state_dict()))  # step 0 is dense


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
