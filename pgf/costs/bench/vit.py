"""ViT-Tiny at 32x32 in patches of 4, on pictures of noise: what training steps are timed on."""

from dataclasses import dataclass
from typing import Any, ClassVar

import timm
import torch
from torch import nn

from pgf.costs.bench.contender import Contender
from pgf.costs.bench.usual import make_usual
from pgf.experiments import (
    RecipeSettings,
    RunSpec,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.recipes import LayerHook, Target
from pgf.tasks import Batch, ImageClassification, Splits, TensorData
from pgf.training import HARDLY_EVER, Run

TARGET = "1:32(FF)"
STEPS = 1000
SAMPLES = 256
ON_CPU = {"learning_rate": 1e-4, "precision": "float32", "device": "cpu"}


@dataclass(frozen=True, kw_only=True)
class BenchVit(ImageClassification):
    """By default 12 blocks of width 192, 65 tokens; 3.5 million weights in FF layers."""

    n_classes: ClassVar[int] = 10

    name: str = "vit_tiny_patch16_224"
    size: int = 32
    patch: int = 4
    depth: int = 12

    def model(self) -> nn.Module:
        sizes = {"img_size": self.size, "patch_size": self.patch, "depth": self.depth}
        return timm.create_model(self.name, num_classes=self.n_classes, **sizes)

    def example(self) -> Batch:
        return torch.zeros(1, 3, self.size, self.size), torch.zeros(1, dtype=torch.long)

    def load(self) -> Splits:
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(SAMPLES, *self.example()[0].shape[1:], generator=generator)
        data = TensorData(inputs, torch.arange(SAMPLES) % 10)
        return Splits(train=data, test=data, fingerprint="noise")


class VitContender(Contender):
    """A run in the middle of its training; under a recipe with hooks, of its sparse phase."""

    def __init__(
        self,
        recipe: str,
        *,
        batch_size: int,
        statistics: StatisticsSettings = HARDLY_EVER,
        task: BenchVit = BenchVit(),
        **training: Any,
    ) -> None:
        target = "dense" if recipe == "dense" else TARGET
        spec = RunSpec(
            experiment="bench",
            task=TaskSettings(name="vit_tiny", kind="bench"),
            recipe=RecipeSettings(name=recipe, kind=recipe, label=recipe),
            target=target,
            references=(TARGET,),
            seed=0,
            training=TrainingSettings(
                **{**ON_CPU, "steps": STEPS, "batch_size": batch_size, **training}
            ),
            statistics=statistics,
        )
        super().__init__(Run.make(spec, task=task, splits=task.load()))
        clock = self.run.sparsifier.recipe.clock(0, STEPS)
        sparse = (clock.start + clock.end) // 2
        self.run.step = sparse if isinstance(self.run.sparsifier.recipe, LayerHook) else STEPS // 2


class Usual(VitContender):
    """SR-STE in the usual way: dense training of layers that mask themselves."""

    def __init__(self, *, batch_size: int) -> None:
        super().__init__("dense", batch_size=batch_size)
        make_usual(self.run.model, Target.parse(TARGET))
