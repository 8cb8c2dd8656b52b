"""N:M training with the Trainer of transformers: a callback."""

from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from pgf.errors import UserError
from pgf.integrations.holding import StrictEvaluations, check_names, check_trainable
from pgf.recipes import Recipe, Target
from pgf.sparsity import Attached, attach

STATE_FILE = "pgf_sparse.pt"
"""Beside the model and the optimiser in every checkpoint of the Trainer."""


class SparseCallback(TrainerCallback):
    """Trains the Trainer's model by a recipe; it ends strictly N:M.

    Evaluations and checkpoints have the model at the strict target pattern. What else the recipe
    needs is in each checkpoint's `pgf_sparse.pt`: `resume_from_checkpoint` goes on bitwise.

    Args:
        target: layer groups with their patterns, as `1:16(FF)`.
        recipe: a recipe, or the name of one with its preset `advised`.
        options: more arguments of `pgf.attach`.

    >>> from pgf.integrations.transformers import SparseCallback
    >>> callback = SparseCallback(target="2:4(FF)", recipe="mdgf_linear")
    >>> # Trainer(model, arguments, train_dataset=..., callbacks=[callback]).train()
    """

    def __init__(self, *, target: Target | str, recipe: Recipe | str, **options: Any) -> None:
        check_names(target, recipe)
        self.target, self.recipe, self.options = target, recipe, options
        self.sparse: Attached | None = None
        """The recipe at work, from the beginning of training on."""
        self._held = StrictEvaluations()

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **known: Any,
    ) -> None:
        """Attach the recipe, or go on from a checkpoint.

        Raises:
            UserError: target, recipe, model and optimiser do not go together, or the checkpoint was
                written without this callback.
        """
        self.sparse = attach(
            known["model"],
            known["optimizer"],
            target=self.target,
            recipe=self.recipe,
            total_steps=state.max_steps,
            **self.options,
        )
        check_trainable(self.sparse)
        if state.global_step:
            self.sparse.load_state_dict(_load(_checkpoint(args, state), state.global_step))
        if args.eval_on_start:
            self._held.begin(self.sparse)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Give the model its effective weights back, after evaluations and checkpoints."""
        self._held.end()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Hold the model at the strict target if an evaluation or a checkpoint follows."""
        if self.sparse is not None and (control.should_evaluate or control.should_save):
            self._held.begin(self.sparse)

    on_epoch_end = on_step_end

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Write the recipe's state into the checkpoint that was just written."""
        folder = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"
        if self.sparse is not None and args.should_save and folder.is_dir():
            torch.save(self.sparse.state_dict(), folder / STATE_FILE)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Write the strict target pattern into the model, the best one where that was loaded."""
        self._held.end()
        if self.sparse is None:
            return
        best = state.best_model_checkpoint
        if args.load_best_model_at_end and best is not None and Path(best, STATE_FILE).is_file():
            self.sparse.load_state_dict(_load(Path(best)))
        self.sparse.finish()


def _checkpoint(args: TrainingArguments, state: TrainerState) -> Path:
    named = args.resume_from_checkpoint
    own = Path(args.output_dir or ".") / f"checkpoint-{state.global_step}"
    return Path(named) if isinstance(named, str) and Path(named).is_dir() else own


def _load(folder: Path, step: int | None = None) -> dict[str, Any]:
    path = folder / STATE_FILE
    if not path.is_file():
        raise UserError(
            f"{path} is not there: give the checkpoint's folder as "
            f"TrainingArguments(resume_from_checkpoint=...), too; where it was written without "
            f"SparseCallback, start from its weights without resume_from_checkpoint"
        )
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if step is not None and state.get("step") != step:
        raise UserError(f"{path} is of step {state.get('step')}, and the checkpoint of step {step}")
    return state
