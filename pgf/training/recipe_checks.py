"""Checks of recipes before any training: their timetables, their hooks, and what they train."""

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from torch import nn

from pgf.errors import UserError
from pgf.experiments import RunSpec
from pgf.recipes import (
    ActsInSteps,
    Calibrates,
    ChoosesMasks,
    Distils,
    LayerHook,
    LearnsScores,
    MaskSource,
    NMPattern,
    Phase,
    Recipe,
    Target,
)
from pgf.sparsity import make_layers, select_layers
from pgf.tasks import Task
from pgf.training.distillation import distilled_loss
from pgf.training.stack import check_stacked_recipe

NEEDED = {MaskSource.CHOSEN: ChoosesMasks, MaskSource.CALIBRATED: Calibrates}
"""Source of masks -> the hook that gives them."""
ADAM = ("adam", "adamw")


def check_recipes(task: Task, model: nn.Module, specs: Sequence[RunSpec]) -> None:
    """Check the recipes of a task's runs, each with its own options and target.

    Args:
        task: what is trained.
        model: its model, on the meta device.
        specs: the runs.

    Raises:
        UserError: what is wrong, with the recipe's file, line and step where it is in code.
    """
    seen = set[str]()
    for spec in specs:
        recipe = spec.make_recipe()
        key = f"{recipe} {spec.target} {spec.training.steps}"
        if not recipe.prunes or key in seen:
            continue
        seen.add(key)
        try:
            _check(task, model, recipe, spec)
        except UserError as error:
            raise UserError(f"recipe {spec.recipe.name}: {error}") from error


def _check(task: Task, model: nn.Module, recipe: Recipe, spec: RunSpec) -> None:
    selected = select_layers(model, Target.parse(spec.target), task.groups or None)
    check_stacked_recipe(recipe, spec.training)
    pairs = {(pattern, block.width) for block, pattern in selected}
    for pattern, width in sorted(pairs):
        walk(recipe, spec.training.steps, pattern=pattern, width=width)
    moments = isinstance(recipe, ActsInSteps) and recipe.needs_moments
    if moments and spec.training.optimizer not in ADAM:
        raise UserError(
            f"it works with Adam's moments: training.optimizer must be adam or adamw, not "
            f"{spec.training.optimizer}"
        )
    if isinstance(recipe, Distils):
        _check_teacher(task, model, recipe, steps=spec.training.steps)
    if spec.training.ema_decay and isinstance(recipe, Calibrates | LearnsScores):
        raise UserError(
            "training.ema_decay: it writes weights or scores outside the optimiser, which the "
            "average would not take up: leave the average out"
        )
    if isinstance(recipe, LayerHook):
        make_layers(selected, recipe=recipe, total_steps=spec.training.steps, mask_seed=0)


def _check_teacher(task: Task, model: nn.Module, recipe: Distils, *, steps: int) -> None:
    assert isinstance(recipe, Recipe)
    if recipe.clock(0, steps).start == 0:
        raise UserError(
            f"it learns from the dense model, but dense {recipe.dense} is no step of {steps}: make "
            f"it larger"
        )
    inputs, labels = (part.to("meta") for part in task.example())
    distilled_loss(recipe, task, model, model, (inputs, labels))


def walk(recipe: Recipe, total_steps: int, *, pattern: NMPattern, width: int) -> None:
    """Check the phases of all steps for layers of one pattern and width.

    Recipes of this package keep the laws by test, and only their hooks are looked at here.

    Raises:
        UserError: a phase that cannot be followed, or that is another when asked again.
    """
    own = type(recipe).__module__.startswith("pgf.")
    steps = {0, total_steps // 2, total_steps - 1} if own else range(total_steps)
    phases = {s: _ask(recipe, s, total_steps, pattern=pattern, width=width) for s in steps}
    for step, phase in phases.items():
        if phase != _ask(recipe, step, total_steps, pattern=pattern, width=width):
            raise UserError(
                f"{_place(recipe)}: step {step} of {total_steps} has another phase when asked "
                f"again: a recipe must be a function of the step alone"
            )
        _check_phase(recipe, step, phase, width=width)
    last = phases[total_steps - 1]
    if last.pattern != pattern or last.mask_decay:
        raise UserError(
            f"{_place(recipe)}: the last step must be at {pattern} with mask_decay 0, not at "
            f"{last.pattern} with {last.mask_decay}"
        )


def _check_phase(recipe: Recipe, step: int, phase: Phase, *, width: int) -> None:
    where = f"{_place(recipe)}: step {step}"
    if phase.pattern is not None and not phase.pattern.fits(width):
        raise UserError(
            f"{where} has the pattern {phase.pattern}, which does not divide a width of {width}"
        )
    needed = NEEDED.get(phase.mask_source)
    if needed and not isinstance(recipe, needed):
        raise UserError(
            f"{where} has masks that are {phase.mask_source}, but {type(recipe).__name__} is no "
            f"pgf.recipes.{needed.__name__}"
        )


def _ask(recipe: Recipe, step: int, total_steps: int, *, pattern: NMPattern, width: int) -> Phase:
    try:
        phase = recipe.phase(step, total_steps, pattern=pattern, width=width)
    except Exception as error:  # whatever a user's own recipe raises
        said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        raise UserError(f"{_place(recipe, error)}: step {step} of {total_steps}: {said}") from error
    if not isinstance(phase, Phase):
        raise UserError(
            f"{_place(recipe)}: step {step} of {total_steps} is {phase!r}, not a pgf.recipes.Phase"
        )
    return phase


def _place(recipe: Recipe, error: Exception | None = None) -> str:
    """Return the file of a recipe, and the line in it that an error went through."""
    file = getattr(sys.modules[type(recipe).__module__], "__file__", None)
    if file is None:
        return type(recipe).__name__
    frames = traceback.extract_tb(error.__traceback__) if error else []
    lines = [frame.lineno for frame in frames if frame.filename == file]
    return f"{Path(file).name}, line {lines[-1]}" if lines else Path(file).name
