"""Short trainings whose every number is kept as text; `make golden` writes them.

A file that changes is a change of numbers: the commit says why.
"""

import hashlib
import platform
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from support.helpers import EVERY_RECIPE, TARGET, advised_options, digits, tiny_spec
from support.texts import NUMBERS, SMALL

from pgf.experiments.run_spec import RunSpec
from pgf.experiments.settings import (
    RecipeSettings,
    StatisticsSettings,
    TaskSettings,
    TrainingSettings,
)
from pgf.training.loop import train
from pgf.training.observers import CurvePoint
from pgf.training.run_state import Run

HERE = Path(__file__).parent
STEPS = 14
SAMPLES = StatisticsSettings(every=4, noise_every=8)
TEXT = {**SMALL, **NUMBERS["number_words_encdec"], "dropout": 0.1}
MORE: dict[str, Any] = {"accumulation": 2, "ema_decay": 0.8, "mixup": 0.4, "label_smoothing": 0.1}


def specs() -> dict[str, RunSpec]:
    """Return the trainings by the names of their files: every recipe on images and on texts."""
    vision = {f"vision/{recipe}": _vision(recipe) for recipe in EVERY_RECIPE}
    text = {f"text/{recipe}": _text(recipe) for recipe in EVERY_RECIPE}
    chained = {**advised_options("mdgf_linear"), "gradient": "chain_rule"}
    return {
        **vision,
        **text,
        "vision/mdgf_linear_chain_rule": _vision("mdgf_linear", options=chained),
        "vision/sr_ste_averaged_mixed_accumulated": _vision("sr_ste", **MORE),
    }


def _vision(recipe: str, **more: Any) -> RunSpec:
    return tiny_spec(recipe, steps=STEPS, statistics=SAMPLES, **more)


def _text(recipe: str) -> RunSpec:
    own = "dense" if recipe == "dense" else TARGET
    return RunSpec(
        experiment="test",
        task=TaskSettings(name="words", kind="number_words_encdec", options=TEXT),
        recipe=RecipeSettings(
            name=recipe, kind=recipe, label=recipe, options=advised_options(recipe, own)
        ),
        target=own,
        references=(TARGET,),
        seed=3,
        training=TrainingSettings(steps=STEPS, batch_size=12, learning_rate=2e-3, evaluations=2),
        statistics=SAMPLES,
    )


def machine() -> str:
    """Return what numbers are bitwise the same on: torch's version and the kind of processor."""
    try:
        vendor = re.search(r"vendor_id\s*:\s*(\S+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        vendor = None
    named = vendor.group(1) if vendor else platform.machine()
    version = torch.__version__.partition("+")[0]
    return f"torch {version} on {named} {torch.backends.cpu.get_cpu_capability()}"


def lines_of(spec: RunSpec) -> Iterator[str]:
    """Train, and yield every number of the curves and a checksum of the masks after each step."""
    masks: list[str] = []
    vision = spec.task.kind == "digits_vit"
    run = Run.make(spec, splits=digits() if vision else None)
    train(run, progress=lambda run: masks.append(_masks(run)))
    yield from (_line(row) for row in run.all_rows())
    yield from (f"masks {step} {checksum}" for step, checksum in enumerate(masks))


def _line(row: CurvePoint) -> str:
    return " ".join(
        (row.name, str(row.step), row.layer or "-", row.reference or "-", repr(row.value))
    )


def _masks(run: Run) -> str:
    digest = hashlib.sha256()
    for layer in run.sparsifier.layers:
        if layer.mask is not None:
            digest.update(layer.mask.contiguous().numpy().tobytes())
        digest.update(run.sparsifier.target_mask(layer).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def path_of(name: str) -> Path:
    """Return the file of a training."""
    return HERE / f"{name}.txt"


def main() -> None:
    """Write all files anew."""
    for name, spec in specs().items():
        path_of(name).parent.mkdir(exist_ok=True)
        path_of(name).write_text("\n".join([machine(), *lines_of(spec)]) + "\n")
        print(path_of(name))


if __name__ == "__main__":
    main()
