"""N:M training with Lightning's Trainer: a callback."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from pgf.errors import UserError
from pgf.integrations.holding import StrictEvaluations, check_names, check_trainable, strict_values
from pgf.recipes import Recipe, Target
from pgf.sparsity import Attached, attach


class SparseCallback(Callback):
    """Trains a LightningModule by a recipe; it ends strictly N:M.

    Validation and checkpoints have the model at the strict target pattern; the recipe's state is in
    Lightning's checkpoints.

    Args:
        target: layer groups with their patterns, as `1:16(FF)`.
        recipe: a recipe, or the name of one with its preset `advised`.
        total_steps: optimiser steps of the whole training; as Lightning estimates by default.
        options: more arguments of `pgf.attach`.

    >>> from pgf.integrations.lightning import SparseCallback
    >>> callback = SparseCallback(target="2:4(FF)", recipe="mdgf_linear")
    >>> # Trainer(callbacks=[callback]).fit(module, batches)
    """

    def __init__(
        self,
        *,
        target: Target | str,
        recipe: Recipe | str,
        total_steps: int | None = None,
        **options: Any,
    ) -> None:
        check_names(target, recipe)
        self.target, self.recipe, self.options = target, recipe, options
        self.total_steps = total_steps
        self.sparse: Attached | None = None
        """The recipe at work, from the beginning of training on."""
        self._held = StrictEvaluations()
        self._loaded: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attach the recipe.

        Raises:
            UserError: target, recipe, model and optimiser do not go together, or the length of
                training is not known.
        """
        if len(trainer.optimizers) != 1:
            raise UserError(
                f"SparseCallback works with one optimiser; configure_optimizers returned "
                f"{len(trainer.optimizers)}"
            )
        steps = self.total_steps or int(min(trainer.estimated_stepping_batches, 2**62))
        if steps in (-1, 2**62):
            raise UserError("Lightning does not know how long it trains: give total_steps")
        self.sparse = attach(
            pl_module,
            trainer.optimizers[0],
            target=self.target,
            recipe=self.recipe,
            total_steps=steps,
            **self.options,
        )
        check_trainable(self.sparse)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on from a checkpoint, whose weights and optimiser are loaded by now.

        Raises:
            UserError: the checkpoint was written without this callback.
        """
        if self._loaded is None and trainer.global_step > 0:
            raise UserError(
                "the checkpoint was written without SparseCallback: start from its weights without "
                "ckpt_path"
            )
        if self._loaded is not None and self.sparse is not None:
            self.sparse.load_state_dict(self._loaded)
            self._loaded = None

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Hold the model at the strict target."""
        if self.sparse is not None:
            self._held.begin(self.sparse)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give the model its effective weights back."""
        self._held.end()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        """Give the model its effective weights back, where a validation failed."""
        self._held.end()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Put the strict weights into a checkpoint; training goes on from the recipe's state."""
        if self.sparse is not None and "state_dict" in checkpoint:
            checkpoint["state_dict"].update(strict_values(self.sparse))

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget the state of a checkpoint that is not trained on."""
        self._loaded = None

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the strict target pattern into the model."""
        self._held.end()
        if self.sparse is not None:
            self.sparse.finish()

    def state_dict(self) -> dict[str, Any]:
        """Return the recipe's state, for Lightning's checkpoint."""
        return {} if self.sparse is None else self.sparse.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a checkpoint's state until training begins."""
        self._loaded = state_dict or None
