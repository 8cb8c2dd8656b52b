"""The trained model as other libraries load it: safetensors, strictly N:M, and its config."""

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from torch import nn

from pgf.training.run_state import Run

MODEL = "model"
"""Folder of the model beside the record."""


def save_model(run: Run, directory: Path) -> None:
    """Write a run's model at the strict target, in the dense layout.

    transformers' models load by `from_pretrained(folder)`, those that timm's factory made by
    `timm.create_model("local-dir:" + folder, pretrained=True)`; of others there is
    `model.safetensors` alone.

    Args:
        run: a finished run; with averaged weights these are what is written.
        directory: the run's folder.
    """
    folder, temporary = directory / MODEL, directory / f"{MODEL}.part"
    averaged = run.average.in_place() if run.average else nullcontext()
    shutil.rmtree(temporary, ignore_errors=True)
    with averaged, run.sparsifier.strict():
        _write(run.model, temporary)
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)


def _write(model: nn.Module, folder: Path) -> None:
    own: Any = model
    if hasattr(model, "save_pretrained"):
        own.save_pretrained(folder)
    elif getattr(model, "pretrained_cfg", None):
        from timm.models import save_for_hf  # takes a second

        save_for_hf(model, str(folder), safe_serialization=True)
    else:
        from safetensors.torch import save_model as save

        folder.mkdir(parents=True)
        save(model, str(folder / "model.safetensors"))
