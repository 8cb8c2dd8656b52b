"""Passes over calibration batches, for recipes that prune by what layers see."""

from itertools import islice

from pgf.recipes import Calibrates
from pgf.training.run_state import Run
from pgf.training.saliency import untouched


def calibration_passes(run: Run) -> None:
    """Run the model forward over the first batches of training, whole, in every process."""
    recipe, settings = run.sparsifier.recipe, run.spec.training
    assert isinstance(recipe, Calibrates)
    stream = run.splits.train.stream(batch_size=settings.batch_size, seed=run.spec.seed)
    was_training = run.model.training
    run.model.eval()
    try:
        with untouched(run.model), run.precision.autocast():
            for inputs, labels in islice(stream, recipe.batches):
                run.task.loss(run.model, (inputs.to(run.device), labels.to(run.device)))
    finally:
        run.model.train(was_training)
