"""The laws, each a function of a trial that returns what breaks it; None if it holds."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from pgf.errors import UserError
from pgf.experiments import StatisticsSettings
from pgf.jobs.conformance.trial import (
    STEPS,
    Trial,
    first_difference,
    values_after,
    way_apart,
)
from pgf.recipes import NMPattern, Target
from pgf.training import Run, checkpoints, train, walk

WIDTHS = (16, 32, 64, 128, 768)
Law = Callable[[Trial], str | None]


@dataclass(frozen=True)
class Named:
    """A law and its name."""

    name: str
    holds: Law


def _timetable(trial: Trial) -> str | None:
    recipe = trial.spec().make_recipe()
    if not recipe.prunes:
        return None
    for pattern in {p for _, p in Target.parse(trial.target).parts}:
        for width in WIDTHS:
            for total in (1, 2, 7, STEPS, 1000):
                if pattern.fits(width):
                    try:
                        walk(recipe, total, pattern=pattern, width=width)
                    except UserError as error:
                        return str(error)
    return None


def _exact(trial: Trial) -> str | None:
    run = trial.usual
    with run.sparsifier.strict():
        for layer in run.sparsifier.layers:
            if said := _too_many(layer.effective, layer.pattern, layer.name):
                return said
    removes = run.sparsifier.recipe.removes
    for layer in run.sparsifier.layers:
        mask = run.sparsifier.target_mask(layer)
        kept = mask.reshape(-1, layer.pattern.m).sum(dim=1)
        if not bool((kept == (0 if removes else layer.pattern.n)).all()):
            return f"the mask of {layer.name} does not keep {layer.pattern} everywhere"
    return None


def _too_many(weight: torch.Tensor, pattern: NMPattern, name: str) -> str | None:
    most = int((weight != 0).reshape(-1, pattern.m).sum(dim=1).max())
    return f"{name} has {most} of {pattern.m} weights, over {pattern}" if most > pattern.n else None


def _strict_end(trial: Trial) -> str | None:
    broken: list[str] = []

    def look(run: Run) -> None:
        if run.step == STEPS:  # the effective weights are still those of the last step
            said = [_too_many(x.effective, x.pattern, x.name) for x in run.sparsifier.layers]
            broken.extend(text for text in said if text)

    trial.run(after=look)
    return f"in the last step {broken[0]}" if broken else None


def _deterministic(trial: Trial) -> str | None:
    return _unlike(trial.run(), trial.usual, "a second run")


def _resumes(trial: Trial) -> str | None:
    steps = (1, STEPS // 3, STEPS // 2, STEPS - 2)
    average = 0.8 if trial.averages else None
    with tempfile.TemporaryDirectory() as folder:
        paths = {step: Path(folder) / f"{step}.pt" for step in steps}

        def keep(run: Run) -> None:
            if run.step in paths:
                checkpoints.save(paths[run.step], run.state_dict())

        whole = trial.run(after=keep, ema_decay=average)
        for step, path in paths.items():
            torch.manual_seed(991)  # what another process would find
            run = trial.begun(ema_decay=average)
            state = checkpoints.load(path, fingerprint=run.spec.fingerprint())
            if state is None:
                return f"the checkpoint after step {step} cannot be read"
            run.load_state_dict(state)
            if said := _unlike(train(run), whole, f"a run resumed after step {step}"):
                return said
    return None


def _unobserved(trial: Trial) -> str | None:
    watched = trial.run(statistics=StatisticsSettings(every=2, noise_every=4))
    return _unlike(watched, trial.usual, "a run with statistics")


def _accumulates(trial: Trial) -> str | None:
    whole, parts = (values_after(trial, accumulation=count) for count in (1, 3))
    return way_apart(trial, whole, parts, who="three micro-batches")


def _unlike(run: Run, usual: Run, who: str) -> str | None:
    name = first_difference(run, usual)
    return f"{who} differs in {name}" if name else None


LAWS = (
    Named("every step has a phase that can be followed, the same when asked again", _timetable),
    Named("exactly N of every M at the strict target", _exact),
    Named("the last step trains at the strict target", _strict_end),
    Named("the same seed gives bitwise the same run", _deterministic),
    Named("a resumed run is bitwise the uninterrupted one", _resumes),
    Named("statistics change nothing", _unobserved),
    Named("micro-batches change rounding alone", _accumulates),
)
