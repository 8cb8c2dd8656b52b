"""Runs: what their fingerprint follows and what it does not."""

from dataclasses import asdict, replace
from typing import Any

import pytest
from support.helpers import tiny_spec

from pgf.experiments.settings import StatisticsSettings
from pgf.seeds import ROLES, seed_for


def test_every_role_seed_and_index_has_a_stream_of_its_own() -> None:
    indices: list[tuple[int, ...]] = [(), (0,), (1,), (0, 1), (1, 0), (11,), (1, 1)]
    keys = [(seed, role, *more) for seed in (1, 11) for role in ROLES for more in indices]
    seeds = {seed_for(*key) for key in keys}
    assert len(seeds) == len(keys) and all(0 <= seed < 2**63 for seed in seeds)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'weights' is not one of"):
        seed_for(1, "weights")


OTHER_VALUES: dict[str, Any] = {
    "optimizer": "sgd",
    "schedule": "step",
    "precision": "float16",
    "device": "cpu",
    "betas": (0.8, 0.95),
    "clip_norm": None,
    "ema_decay": 0.7,
    "accumulation": 2,
    "compile": "inductor",
}


CHECKPOINTS = {"checkpoint_every", "checkpoint_minutes", "keep"}


@pytest.mark.parametrize("name", sorted(set(asdict(tiny_spec().training)) - CHECKPOINTS))
def test_the_fingerprint_changes_with_every_training_setting(name: str) -> None:
    spec = tiny_spec()
    old = getattr(spec.training, name)
    new = OTHER_VALUES.get(name, old + 1 if isinstance(old, int) else 0.123)
    assert new != old
    other = replace(spec, training=replace(spec.training, **{name: new}))
    assert other.fingerprint() != spec.fingerprint()


def test_the_fingerprint_changes_with_whatever_else_sets_the_numbers() -> None:
    spec = tiny_spec()
    others = [
        replace(spec, seed=4),
        replace(spec, target="1:8(FF)"),
        replace(spec, references=("1:8(FF)",)),
        replace(spec, statistics=StatisticsSettings(every=3, noise_every=9)),
        replace(spec, recipe=replace(spec.recipe, options={"dense": 0.2})),
        replace(spec, recipe=replace(spec.recipe, kind="sr_ste")),
        replace(spec, task=replace(spec.task, options={"width": 16})),
    ]
    prints = {other.fingerprint() for other in [spec, *others]}
    assert len(prints) == len(others) + 1


def test_the_fingerprint_does_not_change_with_labels() -> None:
    spec = tiny_spec()
    recipe = replace(spec.recipe, label="another heading", name="another_name")
    training = replace(spec.training, checkpoint_every=7, checkpoint_minutes=7.0)
    other = replace(spec, experiment="x", recipe=recipe, training=training)
    assert other.fingerprint() == spec.fingerprint()
