"""Several runs of one model as one stacked model: their passes are done together.

The runs' weights are views into stacked tensors, so that nothing is copied; each run keeps its own
recipe, target, data order, clipping, statistics and optimiser. What differs from training alone is
rounding: products of matrices become batched ones.
"""

import logging
from collections.abc import Sequence

import torch
from timm.layers import DropPath
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from pgf.errors import UserError
from pgf.experiments import TrainingSettings
from pgf.recipes import Distils, MasksInputGradients, Recipe
from pgf.tasks import Batch, LikeLengths, TrainingData, moved
from pgf.training.run_state import Run
from pgf.training.step import Prepared, prepare, update

log = logging.getLogger(__name__)


def check_stack(
    model: nn.Module, settings: TrainingSettings, data: TrainingData | None = None
) -> None:
    """Check that runs of a model, and of data if they are at hand, can train as one.

    Raises:
        UserError: why they cannot.
    """
    if settings.stack == 1:
        return
    if isinstance(data, LikeLengths):
        raise UserError("training.stack: batches of texts differ in length: train them alone")
    if settings.precision == "float16":
        raise UserError("training.stack: runs in float16 each need a loss scale: train them alone")
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            raise UserError("training.stack: a model with batch statistics trains alone (stack: 1)")
        if _is_random(module):
            raise UserError("training.stack: a model with dropout trains alone (stack: 1)")


def check_stacked_recipe(recipe: Recipe, settings: TrainingSettings) -> None:
    """Check that a recipe's runs can train with others as one.

    Raises:
        UserError: they cannot: the model's own passes are not all that they need.
    """
    if settings.stack > 1 and isinstance(recipe, Distils | MasksInputGradients):
        raise UserError(
            f"training.stack: the recipe {type(recipe).__name__} trains alone (stack: 1)"
        )


def _is_random(module: nn.Module) -> bool:
    if isinstance(module, DropPath):
        return bool(module.drop_prob)
    return isinstance(module, _DropoutNd) and module.p > 0


class Stack:
    """Runs of one task and one set of training settings, all at the same step."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        first = self.runs[0]
        check_stack(first.model, first.spec.training, first.splits.train)
        for run in self.runs:
            check_stacked_recipe(run.sparsifier.recipe, run.spec.training)
        self.trained: dict[str, Tensor] = {}
        self.fixed: dict[str, Tensor] = {}
        parameters = [dict(run.model.named_parameters()) for run in self.runs]
        for name, parameter in parameters[0].items():
            stacked = torch.stack([each[name].detach() for each in parameters])
            for each, view in zip(parameters, stacked.unbind(), strict=True):
                each[name].data = view
            (self.trained if parameter.requires_grad else self.fixed)[name] = stacked
        self.at_once = len(self.runs)
        """Runs whose passes are done together; fewer where memory does not hold them all."""

    def release(self) -> None:
        """Give every run weights of its own again, so that one alone holds no others in memory."""
        for run in self.runs:
            run.optimizer.zero_grad(set_to_none=True)
            for parameter in run.model.parameters():
                parameter.grad = None
                parameter.data = parameter.data.clone()
        self.trained.clear()
        self.fixed.clear()

    def step(self, batches: Sequence[Batch]) -> None:
        """Do one optimiser step of every run, as `training_step` does."""
        prepared = [prepare(run, batch) for run, batch in zip(self.runs, batches, strict=True)]
        losses = self._go(prepared)
        for run, own, loss in zip(self.runs, prepared, losses, strict=True):
            update(run, own, loss)

    def _loss(
        self, trained: dict[str, Tensor], fixed: dict[str, Tensor], inputs: Tensor, labels: Tensor
    ) -> Tensor:
        run = self.runs[0]

        class OneOfThem(nn.Module):
            def forward(self, *arguments: Tensor, **named: Tensor) -> Tensor:
                weights = {**trained, **fixed}
                out: Tensor = functional_call(run.model, weights, arguments, named)
                return out

        return run.task.loss(OneOfThem(), (inputs, labels))

    def _go(self, prepared: Sequence[Prepared]) -> list[Tensor]:
        """Go forward and backward; leave every run's gradients in its model."""
        precision = self.runs[0].precision
        losses = torch.zeros(len(self.runs), device=self.runs[0].device)
        for i in range(len(prepared[0].shares)):
            share = moved(torch.tensor([own.shares[i] for own in prepared]), losses.device)
            inputs, labels = _stacked([own.micro_batches[i] for own in prepared])
            # Fused attention is not batched everywhere, and at these sizes no faster.
            with precision.autocast(), sdpa_kernel(SDPBackend.MATH):
                gradients, values = self._passes(inputs, labels)
            losses += values.detach().float() * share
            self._add(gradients, share)
        return list(losses.unbind())

    def _passes(self, inputs: Tensor, labels: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Return gradients and losses; what memory does not hold at once, in several parts."""
        while True:
            passes = vmap(grad_and_value(self._loss), chunk_size=self.at_once)
            try:
                found: tuple[dict[str, Tensor], Tensor] = passes(
                    self.trained, self.fixed, inputs, labels
                )
                return found
            except torch.OutOfMemoryError:
                if self.at_once == 1:
                    raise
            self.at_once = -(-self.at_once // 2)
            log.info("memory does not hold a stack of %d: %d at once", len(self.runs), self.at_once)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _add(self, gradients: dict[str, Tensor], share: Tensor) -> None:
        for name, stacked in gradients.items():
            scaled = stacked * share.to(stacked.dtype).view(-1, *[1] * (stacked.dim() - 1))
            for run, gradient in zip(self.runs, scaled.unbind(), strict=True):
                parameter = run.model.get_parameter(name)
                if parameter.grad is None:
                    parameter.grad = gradient
                else:
                    parameter.grad += gradient


def _stacked(batches: Sequence[Batch]) -> Batch:
    """Return batches as one, the runs first."""
    shapes = {tuple(part.shape for part in batch) for batch in batches}
    if len(shapes) > 1:
        raise UserError("training.stack: batches of unlike lengths train alone (stack: 1)")
    inputs, labels = zip(*batches, strict=True)
    return torch.stack(inputs), torch.stack(labels)
