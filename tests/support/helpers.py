"""Small builders that the tests of the training core share."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.recipes import RECIPES, LayerHook
from pgf.recipes.patterns import NMPattern
from pgf.tasks import find_task
from pgf.tasks.data.streams import Splits, TensorData
from pgf.training import checkpoints
from pgf.training.loop import train
from pgf.training.run_state import Run

torch.set_num_threads(1)

EVERY_RECIPE = sorted(name for name in RECIPES if not issubclass(RECIPES[name], LayerHook))
"""Recipes without hooks; those with hooks keep their laws in tests/jobs/test_conformance.py."""
SPARSE_RECIPES = [n for n in EVERY_RECIPE if RECIPES[n].prunes and n != "removed"]
"""Recipes that keep N of every M."""
ONE_SHAPE = [name for name in EVERY_RECIPE if not RECIPES[name].narrows]
"""Recipes that train the task's own model."""
TINY_VIT = {"width": 32, "depth": 1, "heads": 2, "patch": 4}
TARGET = "1:4(FF)+2:8(QK)"


class TinyBlock(nn.Module):
    """Fused attention and a feed-forward pair, under names as timm writes them."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width)})
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 2 * width), "fc2": nn.Linear(2 * width, width)}
        )
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.attn["qkv"](x).chunk(3, dim=-1)
        x = x + torch.tanh(q * k) + v
        return self.head(x + self.mlp["fc2"](torch.tanh(self.mlp["fc1"](x))))


def tiny_block(seed: int = 5) -> TinyBlock:
    """Return a block in float64, where sums differ by rounding of 1e-16 alone."""
    torch.manual_seed(seed)
    return TinyBlock().double()


def advised_options(recipe: str, target: str = TARGET) -> dict[str, Any]:
    """Return the settings of a recipe that has all three phases in a short run."""
    pattern = None if target == "dense" else NMPattern.parse(target.partition("(")[0])
    return dict(RECIPES[recipe].preset("advised", pattern))


def tiny_spec(
    recipe: str = "ste",
    *,
    target: str = TARGET,
    seed: int = 3,
    options: dict[str, Any] | None = None,
    statistics: StatisticsSettings | None = None,
    **training: Any,
) -> RunSpec:
    """Return a run of a few steps of a tiny ViT on the digits."""
    own = "dense" if RECIPES[recipe].is_dense else target
    chosen = advised_options(recipe, own) if options is None else options
    values = {"steps": 14, "batch_size": 24, "learning_rate": 2e-3, "evaluations": 3, **training}
    return RunSpec(
        experiment="test",
        task=TaskSettings(name="digits", kind="digits_vit", options=dict(TINY_VIT)),
        recipe=RecipeSettings(name=recipe, kind=recipe, label=recipe.upper(), options=chosen),
        target=own,
        references=(target,),
        seed=seed,
        training=TrainingSettings(**values),
        statistics=statistics or StatisticsSettings(every=2, noise_every=4),
    )


@cache
def digits() -> Splits:
    """Return the digits, with few of the test images: evaluation is not what takes time."""
    splits = find_task("digits_vit")().load()
    few = TensorData(splits.test.inputs[:120], splits.test.labels[:120])
    return Splits(train=splits.train, test=few, fingerprint=splits.fingerprint)


def trained(spec: RunSpec, **more: Any) -> Run:
    """Return a finished run."""
    return train(Run.make(spec, splits=digits()), **more)


class InterruptedRunError(Exception):
    """A run was stopped on purpose."""


def resumed(spec: RunSpec, path: Path, *, at: int, splits: Splits | None = None) -> Run:
    """Return a run that was stopped after step `at` and went on from its file in a new one."""

    def stop(run: Run) -> None:
        if run.step == at:
            raise InterruptedRunError

    splits = splits or digits()
    try:
        train(Run.make(spec, splits=splits), checkpoint=path, progress=stop)
    except InterruptedRunError:
        torch.manual_seed(991)  # what another process would find
    run = Run.make(spec, splits=splits)
    state = checkpoints.load(path, fingerprint=spec.fingerprint())
    assert state is not None and state["step"] == at
    run.load_state_dict(state)
    return train(run)
