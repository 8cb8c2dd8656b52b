"""Image classification: loss, mixing and accuracy, with timm's own parts."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from timm.data.mixup import Mixup, mixup_target
from timm.loss import BinaryCrossEntropy
from torch import Tensor, nn

from pgf.experiments import TrainingSettings
from pgf.seeds import seed_for
from pgf.tasks.base import Task
from pgf.tasks.data.mapped import isolated_rng
from pgf.tasks.data.streams import Batch, Splits

EVALUATION_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class ImageClassification(Task, ABC):
    """Top-1 accuracy in percent; inputs are (batch, channels, height, width)."""

    metric: ClassVar[str] = "accuracy"

    n_classes: ClassVar[int | None] = None

    objective: Literal["cross_entropy", "binary_cross_entropy"] = "cross_entropy"
    """The training loss; binary cross-entropy sees each class as a question of its own."""

    def class_count(self) -> int:
        """Return the number of classes."""
        if self.n_classes is None:
            raise ValueError(f"{type(self).__name__} does not say how many classes it has")
        return self.n_classes

    def prepare(self, batch: Batch, settings: TrainingSettings, *, seed: int, step: int) -> Batch:
        """Mix samples and smooth labels by timm's Mixup, where the settings ask for either."""
        inputs, labels = batch
        smoothing = settings.label_smoothing
        if not (settings.mixup or settings.cutmix):
            if not smoothing:
                return batch
            return inputs, mixup_target(labels, self.class_count(), smoothing=smoothing)
        mix = Mixup(
            mixup_alpha=settings.mixup,
            cutmix_alpha=settings.cutmix,
            label_smoothing=smoothing,
            num_classes=self.class_count(),
        )
        with isolated_rng(seed_for(seed, "mixup", step)):
            mixed, soft = mix(inputs.clone(), labels)
        return mixed, soft

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the objective against labels, or against rows of class probabilities."""
        inputs, labels = batch
        logits = model(inputs)
        if self.objective == "binary_cross_entropy":
            # Labels come smoothed already; timm's class would do it a second time.
            return BinaryCrossEntropy(smoothing=0.0)(logits, labels)
        return F.cross_entropy(logits, labels)

    @torch.no_grad()
    def evaluate(self, model: nn.Module, splits: Splits) -> dict[str, float]:
        device = next(model.parameters()).device
        correct, in_top_5, loss, count = 0, 0, 0.0, 0
        for inputs, labels in splits.test.in_order(EVALUATION_BATCH):
            labels = labels.to(device)
            logits = model(inputs.to(device)).float()
            correct += int((logits.argmax(dim=1) == labels).sum())
            in_top_5 += int((logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).sum())
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            count += len(labels)
        return {
            self.metric: 100.0 * correct / count,
            f"{self.metric}_top5": 100.0 * in_top_5 / count,
            "evaluation_loss": loss / count,
        }
